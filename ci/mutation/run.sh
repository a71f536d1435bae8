#!/usr/bin/env bash
# Mutation testing: one change at a time is made to a file, as < for <=, and the tests that go with it should fail. What
# survives is a line whose meaning no test knows, or a change without a meaning. In a copy of the tree, which must be
# built in place; wants cosmic-ray and the extra `test`. Minutes to an hour for each file, and so by hand:
#     bash ci/mutation/run.sh reference|reference_step|reference_nn|check|nn_check|weights [SECONDS]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
seconds=${2:-7200}
export CYRNN_ISA=reference # nothing that is compiled stands in a mutant's way
case $1 in
    reference) file=calls/reference.py tests='calls/test_reference' ;;
    reference_step) file=calls/reference_step.py tests='calls/test_reference' ;;
    reference_nn) file=calls/reference_nn.py tests='calls/test_reference_nn nn/test_nn_odd_arguments' ;;
    check) file=_check.py tests='notebook/test_errors notebook/test_adam' ;;
    nn_check) file=nn/_check.py tests='nn/test_nn_errors nn/test_nn_weights' ;;
    weights) file=nn/weights.py tests='nn/test_nn_weights nn/test_nn_backward' ;;
    *) sed -n '2,6s/^# //p' "$0" && exit 2 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$root/src" "$root/tests" "$root/pyproject.toml" "$root/docs" "$root/ci" "$work"
cd "$work"
export PYTHONPATH=$work/src
# shellcheck disable=SC2046 # one file a word
cat >config.toml <<TOML
[cosmic-ray]
module-path = "src/cyrnn/$file"
timeout = 60.0
excluded-modules = []
test-command = "python -m pytest -q -x -p no:cacheprovider $(printf 'tests/%s.py ' $tests)"

[cosmic-ray.distributor]
name = "local"

[cosmic-ray.filters.operators-filter]
# annotations are not evaluated, and whether two constants are compared by "is" or "==" shows nowhere
exclude-operators = ["core/ReplaceBinaryOperator_BitOr_.*", "core/ReplaceComparisonOperator_(Is|IsNot)_.*"]
TOML
cosmic-ray baseline config.toml
cosmic-ray init config.toml session.sqlite
cr-filter-operators session.sqlite config.toml
timeout "$seconds" cosmic-ray exec config.toml session.sqlite || echo "ended after $seconds s"
cr-report --show-pending session.sqlite | tail -n 3
python - <<'PYTHON' # what survived, as a difference of one line
import sqlite3

query = "select r.diff from work_results r where r.test_outcome = 'SURVIVED'"
for (diff,) in sqlite3.connect("session.sqlite").execute(query):
    changed = [line for line in diff.splitlines() if line[:1] in "+-@" and line[:3] not in ("+++", "---")]
    print("", *changed, sep="\n")
PYTHON
