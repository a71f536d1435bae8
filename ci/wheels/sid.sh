#!/usr/bin/env bash
# The newest CPython there is: the abi3 wheel, built on ${PYTHON:-python3}, is installed for the newest Python of Debian
# sid, with what pip would choose there, tried as a user would, and the test suite is run. As root on Debian:
#     bash ci/wheels/sid.sh [PYTEST-ARGUMENT...]
source "$(dirname "${BASH_SOURCE[0]}")/elsewhere.sh"
needs mmdebstrap:mmdebstrap

say 'Wheel'
"$python" -m venv --upgrade-deps "$work/env"
"$work/env/bin/pip" wheel -q --no-deps -w "$work/dist" "$work/tree"

say 'Debian sid'
unpack sid "$(dpkg --print-architecture)" python3-all-dev,gcc,libc6-dev
# shellcheck disable=SC2012 # names of programs have no odd characters
version=$(cd "$system/usr/bin" && ls python3.* | grep -xE 'python3\.[0-9]+' | sort -V | tail -n 1)
version=${version#python}
wheel=$(echo "$work"/dist/cyrnn-*-cp311-abi3-*.whl)

say "As a user of Python $version"
packages=usr/local/lib/python$version/dist-packages # where a Debian's Python looks by itself
install_inside "$version" "$wheel" "$(uname -m)" "$packages"
"$work/env/bin/pip" list --path "$system/$packages" --format=json >"$system/list.json"
inside "python$version" /tree/ci/wheels/as_user.py /list.json

say 'Test suite'
install_inside "$version" "$wheel[test]" "$(uname -m)" site
inside "python$version" -c 'import sys, numpy, cyrnn
from cyrnn.kernels import dispatch
print(sys.version, numpy.__version__, dispatch.available(), sep="\n")'
suite_inside "$version" "${@:--q}"
say 'Done'
