#!/usr/bin/env bash
# The documentation's site: built in an environment made here, from docs/ and a wheel of cyrnn, warnings as errors,
# without network; then checked, page by page, in Debian's Chromium (python -m ci.site).
#     bash ci/site/run.sh [WHEEL] [SITE]    of cyrnn; built from this checkout where it is left out. SITE is kept.
# Exits with 77 where no browser looked at the pages and all else is right.
set -euo pipefail
exec </dev/null
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV CYRNN_ISA
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wheel=$(realpath "${1:-$root}") site=$(realpath -m "${2:-$work/site}")
"${PYTHON:-python3}" -m venv "$work/env"
PATH=$work/env/bin:$PATH
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
cd "$root"

python -c 'import tomllib
with open("pyproject.toml", "rb") as f:
    print(*tomllib.load(f)["project"]["optional-dependencies"]["docs"], sep="\n")' >"$work/docs.txt"
if ! pip install -q -r "$work/docs.txt" >"$work/log" 2>&1; then
    echo "NOT RUN: the site, because what builds it cannot be installed: $(grep -v '^ *$' "$work/log" | tail -n 1)"
    exit 77
fi
pip install -q "$wheel"
python -c 'import cyrnn, sys; assert cyrnn.__file__.startswith(sys.prefix), cyrnn.__file__'

offline() { # COMMAND...: in a network of its own, or, where that is not allowed, with a proxy that is not there
    if unshare -rn true 2>/dev/null; then
        unshare -rn python ci/site/loopback.py "$@"
    else
        http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 no_proxy=127.0.0.1,localhost "$@"
    fi
}

# Six minutes of one core are promised; a machine that does other things gets twice as much. Notebooks are run.
TIMEFORMAT='built in %R s, %U s of processors; promised: 360'
time offline timeout 720 python -m sphinx -q -W --keep-going -n docs "$site"

chromium() { python -c 'import os, sys; from ci.site.browser import CHROMIUM; sys.exit(not os.access(CHROMIUM, os.X_OK))'; }

status=0 browser=
if ! pip install -q 'pytest>=8' -r ci/site/requirements.txt >"$work/log" 2>&1; then
    browser="playwright cannot be installed: $(grep -v '^ *$' "$work/log" | tail -n 1)"
    pip install -q 'pytest>=8'
elif ! chromium && [ "$(id -u)" != 0 ]; then
    browser='there is no chromium, and apt-get wants root'
elif ! chromium &&
    ! { apt-get -qq update && apt-get -qq install --no-install-recommends chromium; } >"$work/log" 2>&1; then
    browser="chromium cannot be installed: $(tail -n 1 "$work/log")"
fi
if [ "$browser" ]; then
    python -m ci.site "$site" --files || status=1
else
    python -m ci.site "$site" || status=1
fi
# the check itself, the docstrings, the tutorials' heads: tests that other environments skip
shopt -s nullglob
pytest -q -p no:cacheprovider tests/project/test_{site_check,numpydoc,tutorial}*.py || status=1
if [ "$browser" ]; then
    echo "NOT RUN: no browser looked at the pages, because $browser"
    [ "$status" != 0 ] || status=77
fi
exit "$status"
