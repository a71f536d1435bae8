#!/usr/bin/env bash
# Packages with trained nets do their whole job as they are and on cyrnn, in an environment made here: does every
# decision agree? With integer weights (quantized_job.py) some do not: are they as few as the page says? Versions are in
# *.txt beside this; a package that cannot be had is named.
#     bash ci/packages/run.sh [WHEEL]    of cyrnn; built from this checkout where it is left out
# Exits with 77 where a package was not run and all others agree. Tables are those of docs/explanation/packages.md
# and docs/how_to/quantized.md.
set -euo pipefail
exec </dev/null
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) here=$root/ci/packages
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/env"
PATH=$work/env/bin:$PATH
# one thread: no call of these nets is large enough for more, and NumPy shall not have what cyrnn has not
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PYTHONUTF8=1 CYRNN_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
status=0

not_run() { # WHAT: and why, as the last line of pip's says
    echo "NOT RUN: $*, because it cannot be installed: $(grep -v '^ *$' "$work/log" | tail -n 1)"
    [ "$status" != 0 ] || status=77
}

if ! pip install -q 'numpy>=2.0' pytest >"$work/log" 2>&1; then
    not_run 'whole jobs of packages with trained nets: NumPy' && exit "$status"
fi
pip install -q "${1:-$root}"
python "$here/job.py"
for job in g2pm nagisa g2p_en quantized; do
    if ! pip install -q --no-deps -r "$here/$job.txt" >"$work/log" 2>&1; then
        not_run "$(grep -v '#' "$here/$job.txt" | head -n 1)"
    elif ! (cd "$work" && python "$here/${job}_job.py"); then
        status=1
    fi
done
# the program on the page; g2pM leaves its files open, and the suite's warnings are errors
pytest -q -p no:cacheprovider -W ignore::ResourceWarning -W ignore::pytest.PytestUnraisableExceptionWarning \
    "$root/tests/nn/test_nn_docs.py" -k packages || status=1
exit "$status"
