#!/usr/bin/env bash
# Do kernels that clang builds keep their sums in registers, those of integers too? Compiles them for macOS and Linux on
# ARM, and x86-64, by the newest clang that an index of Python packages has (ziglang), with setup.py's flags, and reads
# the assembly.
#     bash ci/clang/run.sh
# Then of tiles that are not summed in their order, which spill: a check that finds nothing would be none.
set -euo pipefail
exec </dev/null
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/env"
PATH=$work/env/bin:$PATH
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
pip install -q 'setuptools>=77' 'Cython>=3.1' 'numpy>=2.0'
if ! pip install -q ziglang >"$work/log" 2>&1; then
    echo "NOT RUN: stack accesses of clang-built kernels, because ziglang cannot be installed: $(tail -n 1 "$work/log")"
    exit 0
fi
mkdir "$work/tree"
cp -r "$root/setup.py" "$root/pyproject.toml" "$root/README.md" "$root/LICENSE" "$root/src" "$work/tree"
cd "$work/tree"
find . -name '*.so' -delete

assembly() { # TARGET ISAS: into the folder of that name
    export ASSEMBLY=$work/$1 ISAS=$2 COMPILER="python -m ziglang cc -target $1"
    mkdir "$ASSEMBLY"
    CC=$root/ci/clang/assembly.sh python setup.py -q build_ext -b "$work/built" -t "$work/objects" --force \
        >"$work/log" 2>&1 || { tail -n 20 "$work/log" "$ASSEMBLY/log" && return 1; }
}

python -m ziglang cc --version | head -n 1
failed=0
for target in aarch64-macos aarch64-linux-gnu; do
    assembly $target neon
    echo "$target:"
    python "$root/ci/clang/loops.py" "$work/$target"/*.s || failed=1
done
assembly x86_64-linux-gnu 'avx2|avx512'
echo 'x86_64-linux-gnu, but for rows of W that are transposed on their way: their addresses do not fit 16 registers:'
python "$root/ci/clang/loops.py" --but run_stage_of_columns "$work"/x86_64-linux-gnu/*.s || failed=1

sed -i 's/ __asm__ volatile.*/ (void)acc;/' src/cyrnn/kernels/tiles.h
mv "$work/aarch64-linux-gnu" "$work/in-order"
assembly aarch64-linux-gnu 'neon_f32'
if python "$root/ci/clang/loops.py" "$work"/aarch64-linux-gnu/*.s >"$work/log"; then
    echo 'Tiles that are not summed in their order must spill: the check is blind'
    failed=1
fi
head -n 1 "$work/log" | sed 's/^/not in order: /'
exit $failed
