#!/usr/bin/env bash
# Mutation testing: one change at a time is made to a file, as < for <=, and the tests that go with it should fail. What
# survives is a line whose meaning no test knows, or a change without a meaning. In a copy of the tree, which must be
# built in place; wants cosmic-ray, torch and the extra `test`. Minutes for each file, and so by hand:
#     bash ci/mutation/run.sh reference|reference_step|reference_nn [SECONDS]
#     bash ci/mutation/run.sh check|keys|nn_check|nn_check_modules|nn_check_weights|weights|torch_names [SECONDS]
# Where SECONDS are fewer than all mutants take, those that were tried are a random sample.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
seconds=${2:-7200}
export CYRNN_ISA=reference # nothing that is compiled stands in a mutant's way
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
export PYTEST_ADDOPTS='-k "not 17 and not torch_wraps and not pt_file"' # slow ones: large sizes, torch.compile
notebook='notebook/test_errors notebook/test_adam notebook/test_results notebook/test_habits'
foreign='nn/test_nn_habits nn/test_nn_near_misses nn/test_nn_elsewhere' # weights, modules and arrays of other libraries
case ${1:-} in # the tests that kill most come first
    reference) file=calls/reference.py tests='calls/test_reference' ;;
    reference_step) file=calls/reference_step.py tests='calls/test_reference' ;;
    reference_nn) file=calls/reference_nn.py tests='calls/test_reference_nn nn/test_nn_odd_arguments' ;;
    check) file=_check.py tests="$notebook nn/test_nn_errors" ;;
    keys) file=_keys.py tests=$notebook ;;
    nn_check) file=nn/_check.py tests="nn/test_nn_errors $foreign nn/test_nn_calls nn/test_nn_stream" ;;
    nn_check_modules) file=nn/_check_modules.py tests="$foreign nn/test_nn_weights" ;;
    nn_check_weights) file=nn/_check_weights.py tests="$foreign nn/test_nn_weights" ;;
    weights) file=nn/weights.py tests='nn/test_nn_weights nn/test_nn_elsewhere nn/test_nn_calls' ;;
    torch_names) file=weights/torch_names.py tests=$foreign ;;
    *) sed -n '2,7s/^# //p' "$0" && exit 2 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$root/src" "$root/tests" "$root/pyproject.toml" "$root/docs" "$root/ci" "$work"
cd "$work"
export PYTHONPATH=$work/src
cat >config.toml <<TOML
[cosmic-ray]
module-path = "src/cyrnn/$file"
timeout = 60.0
excluded-modules = []
test-command = "ci/mutation/forked.py"

[cosmic-ray.distributor]
name = "local"

[cosmic-ray.filters.operators-filter]
# annotations are not evaluated; whether small numbers are compared by "is" or "==" shows nowhere; and the operator of
# exceptions knows no dotted name
exclude-operators = [
    "core/ReplaceBinaryOperator_BitOr_.*", "core/ReplaceComparisonOperator_.*Is.*", "core/ExceptionReplacer",
]
TOML
cosmic-ray init config.toml session.sqlite
cr-filter-operators session.sqlite config.toml
# shellcheck disable=SC2046 # one file a word
python ci/mutation/forked.py session.sqlite "$seconds" $(printf 'tests/%s.py ' $tests)
cr-report --show-pending session.sqlite | tail -n 3
python - <<'PYTHON' # what survived, as a difference of one line
import sqlite3

query = "select r.diff from work_results r where r.test_outcome = 'SURVIVED'"
for (diff,) in sqlite3.connect("session.sqlite").execute(query):
    changed = [line for line in diff.splitlines() if line[:1] in "+-@" and line[:3] not in ("+++", "---")]
    print("", *changed, sep="\n")
PYTHON
