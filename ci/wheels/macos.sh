#!/usr/bin/env bash
# Does the package compile for macOS, ARM and x86-64? Both wheels, cross-compiled by ziglang's clang with Linux's headers
# of Python, whose Limited API is the same there. What is in them is looked at, nothing is run. As root on Debian:
#     bash ci/wheels/macos.sh
source "$(dirname "${BASH_SOURCE[0]}")/elsewhere.sh"
needs llvm-objdump:llvm
"$python" -m venv "$work/env"
PATH=$work/env/bin:$PATH
pip install -q 'setuptools>=77' 'Cython>=3.1' 'numpy>=2.0' ziglang
cd "$work/tree"

wheel() { # ARCHITECTURE OLDEST-MACOS ZIG'S-NAME MACH-O'S-NAME
    local target="$3-macos.$2" folder=$work/$1 module modules
    say "macOS $2 and newer, $1"
    pip install -q --no-deps --target "$work/numpy-$1" --only-binary :all: --python-version 3.11 \
        --platform "macosx_11_0_$1" --platform "macosx_10_9_$1" 'numpy<2.3' # for its headers
    CC="python -m ziglang cc -target $target -I$work/numpy-$1/numpy/_core/include" \
        LDSHARED="python -m ziglang cc -target $target -shared -Wl,-undefined,dynamic_lookup" \
        python setup.py -q build -b "$work/build-$1" --build-lib "$folder" \
        bdist_wheel --plat-name "macosx_${2/./_}_$1" -d "$work/wheels" >"$work/log" 2>&1 ||
        { tail -n 50 "$work/log" && return 1; }
    modules=("$folder"/cyrnn/*/*.so)
    for module in "${modules[@]}"; do
        llvm-objdump --macho --private-header "$module" | grep -qE "MH_MAGIC_64 +$4 .* DYLIB "
        llvm-nm -m --undefined-only "$module" >"$work/symbols"
        # Python's own, looked up when it is loaded; all else is of the one library that is always there
        if grep -vE '\(undefined\) (weak )?external (_+Py\w+( \(dynamically looked up\))?|\w+ \(from libSystem\))$' \
            "$work/symbols"; then
            echo "undefined in $module"
            return 1
        fi
        llvm-objdump --macho --dylibs-used "$module" | sed 1,2d | awk '{print $1}'
    done | sort | uniq -c
    printf '%s\n' "${modules[@]##*/}"
}

wheel arm64 11.0 aarch64 ARM64
wheel x86_64 10.13 x86_64 X86_64
ls -l "$work/wheels"
for file in "$work"/wheels/*.whl; do test "$(stat -c %s "$file")" -lt 1572864; done # bytes: 1.5 MiB
test "$(find "$work/arm64" -name '*_isa_neon*_*.so' | wc -l)" = 4
test "$(find "$work/x86_64" -name '*_isa_avx*_*.so' | wc -l)" = 6
say 'Done'
