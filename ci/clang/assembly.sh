#!/usr/bin/env bash
# A compiler for setup.py that makes assembly: $COMPILER with -S for the kernel modules, into the folder $ASSEMBLY; of
# all else, and of the linker's output, an empty file. ISAS says which kernels are wanted: a pattern, as of grep -E.
set -euo pipefail
read -ra compiler <<<"$COMPILER"
case " $* " in *' -E '*) exec "${compiler[@]}" "$@" ;; esac
arguments=() output='' source=''
while [ $# != 0 ]; do
    case $1 in
    -o) output=$2 && shift ;;
    -c) arguments+=(-S) ;;
    *) arguments+=("$1") ;;
    esac
    case $1 in *.c) source=$1 ;; esac
    shift
done
mkdir -p "$(dirname "$output")"
: >"$output"
if [[ $source =~ _isa_($ISAS) ]]; then
    exec "${compiler[@]}" "${arguments[@]}" -w -o "$ASSEMBLY/$(basename "$source" .c).s" 2>"$ASSEMBLY/log"
fi
