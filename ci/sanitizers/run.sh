#!/usr/bin/env bash
# The kernel tests under AddressSanitizer and UBSan, on every ISA of this CPU, in a copy of this tree; before them,
# faults made on purpose, each of which must be caught. What is not seen here: AddressSanitizer knows nothing of the
# masked loads and stores of AVX2 and AVX-512, which tests/kernels/test_guard_pages.py watches instead.
# Wants gcc with its sanitizers, and a `python` with NumPy and the extra `test`.
set -euo pipefail
exec </dev/null
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
compiler=${CC:-gcc}
libraries=
for name in libasan libubsan; do
    library=$("$compiler" -print-file-name="$name.so" 2>/dev/null || true)
    if [ ! -e "$library" ]; then
        echo "NOT RUN: no kernel met a sanitizer, because $compiler has no $name here"
        exit 0
    fi
    libraries+="${libraries:+ }$library"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A compiler that has the last word: setup.py ends in -O3 -g0, and CPython's -fwrapv would hide overflows.
flags='-O1 -g -fno-omit-frame-pointer -fno-wrapv -fsanitize=address,undefined -fno-sanitize-recover=undefined'
printf '#!/bin/sh\nexec %s "$@" %s\n' "$compiler" "$flags" >"$work/cc"
chmod +x "$work/cc"
export CC=$work/cc PYTHONPATH=$work/src

build() { # COMMAND...: run it, and show what it said only if it failed
    "$@" >"$work/build.log" 2>&1 || { tail -n 60 "$work/build.log"; exit 1; }
}

watched() { # COMMAND...: run it under both sanitizers; a report is its end
    # Tests ask for more memory than there is, and no Python frees all that it has at its exit.
    LD_PRELOAD=$libraries PYTHONMALLOC=malloc UBSAN_OPTIONS=print_stacktrace=1 \
        ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 "$@"
}

caught() { # WORDS CODE: Python code that must end in a report with these words
    if watched python -c "$2" >"$work/out" 2>&1 ||
        ! grep -qE "(ERROR: AddressSanitizer|runtime error): .*$1" "$work/out"; then
        cat "$work/out"
        echo "NOT CAUGHT: $1, by $2"
        exit 1
    fi
    echo "caught: $1, by $2"
}

cd "$root"
cp -r src tests ci setup.py pyproject.toml README.md LICENSE "$work"
cd "$work"
find src \( -name '*.so' -o -name '*.c' \) -delete
cp ci/sanitizers/wrong.pyx src
build python -m Cython.Build.Cythonize -3 -i src/wrong.pyx
build python setup.py build_ext --inplace
echo "built with $compiler $flags, $SECONDS s"

watched python -c 'import wrong; wrong.nothing()'
caught 'heap-buffer-overflow' 'import wrong; wrong.read_past_the_end()'
caught 'heap-buffer-overflow' 'import wrong; wrong.write_before_the_beginning()'
caught 'heap-use-after-free' 'import wrong; wrong.read_after_free()'
caught 'signed integer overflow' 'import wrong; wrong.overflow()'
caught 'left shift of 1 by 31 places' 'import wrong; wrong.shift_into_the_sign()'
caught 'misaligned address' 'import wrong; wrong.load_misaligned()'
isas=$(watched python -c 'from cyrnn.kernels.dispatch import available; print(*available())')
isas=${isas%reference}
[ -n "${isas// /}" ]
for isa in $isas; do
    for bits in 32 64; do # the kernels themselves, with an output one element short; what begins well is "unknown"
        caught '(heap-buffer-overflow|unknown-crash)' "import numpy as np, cyrnn.kernels.dispatch as d
x = np.zeros(64, 'f$((bits / 8))'); d.load('$isa').views.exp(x, np.zeros_like(x[1:]))"
    done
done

# By name: sizes of the process say nothing here, where freed memory is kept and every object is malloc's own. What is
# alike on every ISA runs on one.
not_here='resident_size or bounded_work_area or blocks_traced'
not_again="$not_here or another_thread or beyond_memory"
each='calls/test_canonical kernels/test_canonical_kernels calls/test_pack calls/test_compiled_calls calls/test_steps'
each+=' calls/test_layouts kernels/test_activations notebook/test_nan notebook/test_hostile'
each+=' calls/test_integer_sums calls/test_integer_canonical kernels/test_integer_activations'
once='kernels/test_parity kernels/test_kernel_backward kernels/test_projection_kernels kernels/test_ragged_kernels'
once+=' calls/test_compiled_backward calls/test_ragged_layers calls/test_threads'
once+=' calls/test_memory kernels/test_one_lane nn/test_nn_calls nn/test_nn_ragged nn/test_nn_stream'
files() { printf 'tests/%s.py ' "$@"; }
groups='products time_loop ragged_layers' # and no backward_calls: minutes here, and guard pages see them
failed=
for isa in $isas; do
    echo "--- $isa"
    # shellcheck disable=SC2046,SC2086 # lists of words: to be split
    CYRNN_ISA=$isa watched python -m pytest -q -s -p no:cacheprovider -k "not ($not_here)" \
        $(files $each $once) || failed+=" $isa"
    for group in $groups; do # every size of the backward pass, on closed pages and on malloc's memory
        CYRNN_ISA=$isa watched python tests/support/guard_backward.py "$group" >"$work/out" ||
            { tail -n 3 "$work/out"; failed+=" $isa:$group"; }
    done
    not_here=$not_again once='' groups='products time_loop'
done
echo "$SECONDS s in all"
[ -z "$failed" ] || { echo "FAILED under sanitizers:$failed"; exit 1; }
