#!/usr/bin/env bash
# The wheel for aarch64, cross-compiled here, and the whole test suite on it under qemu: NEON, with and without dot
# products, `baseline` and the one-lane kernels. The ledger must have x86's hashes, bit for bit, of gcc's kernels and of
# those that clang (ziglang's) builds. As root on Debian:
#     bash ci/wheels/arm64.sh [PYTEST-ARGUMENT...]
source "$(dirname "${BASH_SOURCE[0]}")/elsewhere.sh"
export CYRNN_TEST_PATIENCE=20
# ARMv8.0, the oldest that the wheel promises to run on. What qemu takes for a CPU by itself also signs each function's
# return address, in software: Python then takes 4 times as long.
export QEMU_CPU=cortex-a72
needs mmdebstrap:mmdebstrap qemu-aarch64-static:qemu-user-static aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu \
    /usr/aarch64-linux-gnu/include/stdio.h:libc6-dev-arm64-cross

register() { # let the kernel start aarch64 programs in any chroot, by the emulator of this system
    local binfmt=/proc/sys/fs/binfmt_misc
    [ -e $binfmt/status ] || mount -t binfmt_misc binfmt_misc $binfmt
    [ -e $binfmt/qemu-aarch64 ] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >$binfmt/register
}

# setup.py with its own choice of kernels and flags; only the compiler and Python's headers are the other system's.
cross_compile() { # COMPILER FOLDER: a wheel there
    local include
    include=$(echo "$system"/usr/include/python3.*)
    cd "$work/tree"
    CC=$1 LDSHARED="$1 -shared" \
        CFLAGS="-I$include -idirafter $system/usr/include" "$work/env/bin/python" - "$2" <<'PYTHON'
import platform, runpy, sys
platform.machine = lambda: "aarch64"
folder = sys.argv[1]
wheel = ["bdist_wheel", "--plat-name", "linux_aarch64", "-d", folder]
sys.argv = ["setup.py", "-q", "build", "-b", folder + "/build", *wheel]
runpy.run_path("setup.py", run_name="__main__")
PYTHON
}

say 'Debian for arm64: the first release whose Python has NumPy 2; its gcc is for tests/kernels/test_one_lane.py'
register
unpack trixie arm64 python3,python3-dev,gcc,libc6-dev
version=$(inside python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')

say "Wheel, for Python $version"
"$python" -m venv --upgrade-deps "$work/env"
"$work/env/bin/pip" install -q 'setuptools>=77' 'Cython>=3.1' 'numpy>=2' ziglang
cross_compile aarch64-linux-gnu-gcc "$work/gcc"
install_inside "$version" "$(echo "$work"/gcc/cyrnn-*-cp311-abi3-linux_aarch64.whl)[test]" aarch64 site
cross_compile "$work/env/bin/python -m ziglang cc -target aarch64-linux-gnu" "$work/clang"
"$work/env/bin/pip" install -q --no-compile --no-deps --target "$system/clang" --platform linux_aarch64 \
    --python-version "$version" --only-binary=:all: "$work"/clang/cyrnn-*-cp311-abi3-linux_aarch64.whl

say 'Ledger'
inside python3 -c 'from cyrnn.kernels import dispatch as d; print(d.available()); assert d.kernels.isa == "neon"'
inside python3 /tree/tests/support/ledger.py
say "Ledger, of clang's kernels"
inside env PYTHONPATH=/clang:/site python3 /tree/tests/support/ledger.py

say 'Integer weights on a CPU with dot products: by the ledger, of gcc and of clang, and by their tests'
dot_products() { QEMU_CPU=neoverse-n1 "$@"; }
dot_products inside python3 -c 'from cyrnn.kernels import dispatch as d; assert d.integer_isa("neon") == "neondot"'
dot_products inside python3 /tree/tests/support/ledger.py
dot_products inside env PYTHONPATH=/clang:/site python3 /tree/tests/support/ledger.py
dot_products suite_inside "$version" -q tests/kernels/test_dispatch.py tests/calls/test_integer_sums.py

say 'Test suite' # the guard pages, which are slow to emulate, for NEON alone: baseline has them on x86
[ $# != 0 ] || set -- -q -k 'neon or not guard_pages'
suite_inside "$version" "$@"
say 'Done'
