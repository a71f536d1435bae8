#!/usr/bin/env bash
# The newest CPython there is: the abi3 wheel, built on ${PYTHON:-python3}, is installed for the newest Python of Debian
# sid, with what pip would choose there, and the test suite is run. As root on Debian:
#     bash ci/wheels/sid.sh [PYTEST-ARGUMENT...]
source "$(dirname "${BASH_SOURCE[0]}")/elsewhere.sh"
needs mmdebstrap:mmdebstrap

say 'Wheel'
"$python" -m venv --upgrade-deps "$work/env"
"$work/env/bin/pip" wheel -q --no-deps -w "$work/dist" "$work/tree"

say 'Debian sid'
unpack sid "$(dpkg --print-architecture)" python3-all-dev,gcc,libc6-dev
# shellcheck disable=SC2012
version=$(cd "$system/usr/bin" && ls python3.* | grep -xE 'python3\.[0-9]+' | sort -V | tail -n 1)
version=${version#python}
install_inside "$version" "$(echo "$work"/dist/cyrnn-*-cp311-abi3-*.whl)" "$(uname -m)"
inside "python$version" -c 'import sys, numpy, cyrnn
from cyrnn.kernels import dispatch
print(sys.version, numpy.__version__, dispatch.available(), sep="\n")'

say 'Test suite'
suite_inside "$version" "${@:--q}"
say 'Done'
