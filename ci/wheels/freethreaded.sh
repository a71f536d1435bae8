#!/usr/bin/env bash
# Free-threaded CPython 3.13, built from Debian trixie's source: our wheel for it, the test suite, and then the tests of
# shared and split work with 8 threads in each test. The GIL must stay off. As root on Debian:
#     bash ci/wheels/freethreaded.sh
source "$(dirname "${BASH_SOURCE[0]}")/elsewhere.sh"
say 'CPython'
build_python -q --prefix="$work/python"
make -s -C "$work/source" install >"$work/make.log" 2>&1

say 'Wheel'
"$work/python/bin/python3.13t" -m venv --upgrade-deps "$work/env"
cd "$work/tree"
"$work/env/bin/pip" install -q --only-binary=numpy 'numpy>=2'
"$work/env/bin/pip" wheel -q --no-deps --only-binary=numpy -w "$work/dist" .
# only wheels: hypothesis has none for it of late, and an older one that is all Python will do
"$work/env/bin/pip" install -q --only-binary=:all: \
    "$(echo "$work"/dist/cyrnn-*-cp313-cp313t-*.whl)[test]" pytest-run-parallel
"$work/env/bin/python" -W error -c 'import sys, cyrnn
from cyrnn.kernels import dispatch
assert not sys._is_gil_enabled(), "importing cyrnn turned the GIL on"
print(sys.version, dispatch.available(), sep="\n")'

say 'Test suite'
"$work/env/bin/python" -m pytest -q -p no:cacheprovider

# What a test cannot do in 8 threads of one process: set the number of threads for all of it. And another Python, started
# from each, shows nothing of this one.
say '8 threads in each test'
"$work/env/bin/python" -m pytest -q -p no:cacheprovider --parallel-threads=8 \
    -o thread_unsafe_functions='cyrnn.set_num_threads cyrnn.get_num_threads interpreter.run_python interpreter.fresh' \
    -k 'not replaced_by_another_thread and not change_the_dict and not beyond_memory' \
    tests/calls/test_{threads,compiled_calls,pack,steps,canonical,ragged_layers}.py \
    tests/kernels/test_{canonical_kernels,parity}.py tests/nn/test_nn_{threads,stream,ragged}.py
say 'Done'
