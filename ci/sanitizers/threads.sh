#!/usr/bin/env bash
# ThreadSanitizer: our compiled modules and a free-threaded CPython 3.13, both built with it, and threads that call shared
# objects and share work (threads.py). A data race in our code is a failure; those that CPython knows of its own are
# suppressed by its own list. What is not seen: NumPy comes as a wheel, without instrumentation. A quarter of an hour,
# and so by hand. As root on Debian:
#     bash ci/sanitizers/threads.sh
[ -n "${FIXED_ADDRESSES:-}" ] || exec env FIXED_ADDRESSES=1 setarch -R bash "$0" "$@" # libtsan wants them
source "$(dirname "${BASH_SOURCE[0]}")/../wheels/elsewhere.sh"
export TSAN_OPTIONS="suppressions=$work/suppressed history_size=4 exitcode=0" # CPython's own races end nothing

# The C of a module, compiled as setup.py does it, but for -O1 and the sanitizer
module() { # NAME FLAG...
    gcc -shared -fPIC -pthread -fwrapv -fsanitize=thread -O1 -g -ffp-contract=off -fno-math-errno -fno-trapping-math \
        -I "$work/source/Include" -I "$work/source" -I "$work/site/numpy/_core/include" -I cyrnn/kernels \
        -DNPY_{NO_DEPRECATED_API,TARGET_VERSION}=NPY_2_0_API_VERSION "${@:2}" "cyrnn/$1.c" \
        -o "cyrnn/$1.cpython-313t-$(gcc -print-multiarch).so" -lm
}

say 'CPython with ThreadSanitizer'
build_python -q --with-thread-sanitizer
# Ours: set_num_threads during a call of another thread. The call reads an aligned double, the old one or the new one;
# the function that is written beside it is the same each time.
{ cat "$work/source/Tools/tsan/suppressions_free_threading.txt" && echo 'race:*share_above*'; } >"$work/suppressed"

say 'Modules with ThreadSanitizer'
"$python" -m venv --upgrade-deps "$work/env"
"$work/env/bin/pip" install -q 'Cython>=3.1'
"$work/env/bin/pip" install -q --target "$work/site" --python-version 3.13 --implementation cp --abi cp313t \
    --only-binary=:all: --platform "manylinux_2_28_$(uname -m)" 'numpy>=2'
cd "$work/tree/src"
"$work/env/bin/cython" cyrnn/kernels/{_cpu,views,_isa_avx2_f32,_isa_avx2_f64,_isa_avx2_int}.pyx cyrnn/calls/_calls.pyx
for name in kernels/_cpu kernels/views calls/_calls; do module "$name"; done
for kind in f32 f64 int; do
    module "kernels/_isa_avx2_$kind" -mavx2 -mfma -DCYRNN_AVX2 "-DCYRNN_DOUBLE=$([ $kind = f64 ] && echo 1 || echo 0)" \
        '-DCYTHON_INLINE=__inline__ __attribute__((__always_inline__))'
done

say 'Threads'
CYRNN_ISA=avx2 PYTHONPATH=$work/tree/src:$work/site "$work/source/python" "$work/tree/ci/sanitizers/threads.py" 2>&1 |
    tee "$work/log"
grep -q '^done$' "$work/log"
# the first frames of both sides of a race, and where its memory is from: is one of them ours?
if grep -E '^ +#[0-9]+ .*(cyrnn/|__pyx)|Location is global .__pyx' "$work/log" >"$work/ours"; then
    sort "$work/ours" | uniq -c | sort -rn | head -n 40
    echo 'FAILED: a data race'
    exit 1
fi
say 'Done: no data race'
