#!/usr/bin/env bash
# The test suite on an x86-64 CPU without AVX and FMA (Nehalem, 2008), emulated by qemu-user: it must choose `baseline`
# and never meet an illegal instruction. Then what a Haswell (2013) chooses, and its ledger. As root on Debian:
#     bash ci/wheels/plain_x86.sh [PYTEST-ARGUMENT...]
source "$(dirname "${BASH_SOURCE[0]}")/elsewhere.sh"
export CYRNN_TEST_PATIENCE=20
needs qemu-x86_64-static:qemu-user-static

# A virtual environment whose python starts the emulator: so do the Pythons that tests start, by sys.executable.
emulate() { # CPU
    printf '#!/bin/sh\nexec qemu-x86_64-static -cpu %s -0 "$0" %s "$@"\n' "$1" "$native" >"$work/env/bin/python"
    chmod +x "$work/env/bin/python"
}

chosen() { # ISA FEATURES-IT-LACKS...
    "$work/env/bin/python" - "$@" <<'PYTHON'
import subprocess, sys
from cyrnn.kernels import dispatch
isa, *lacks = sys.argv[1:]
assert dispatch.kernels.isa == isa, dispatch.kernels
assert not any(dispatch.features()[name] for name in lacks), dispatch.features()
child = "from cyrnn.kernels import dispatch; print(dispatch.kernels.isa)"
assert subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout.strip() == isa
print(isa)
PYTHON
}

say 'Install natively'
"$python" -m venv --upgrade-deps "$work/env"
"$work/env/bin/pip" install -q "$work/tree[test]"
native=$(readlink -f "$work/env/bin/python")
rm "$work/env/bin/python"*

cd "$work/tree"
say 'Haswell' # the emulator says what else it lacks of one
emulate Haswell
chosen avx2 avx512f
"$work/env/bin/python" tests/support/ledger.py
say 'Nehalem'
emulate Nehalem
chosen baseline avx avx2 fma avx512f
[ $# != 0 ] || set -- -q -k 'not guard_pages' # ci/run.sh closes pages around the same code, without an emulator
"$work/env/bin/python" -m pytest -p no:cacheprovider "$@"
say 'Done'
