# Shared by arm64.sh, plain_x86.sh, sid.sh and freethreaded.sh, which run the test suite where this machine cannot by
# itself. To be sourced, by root on Debian. It makes the folder $work with a copy of the checkout in $work/tree; when
# the script ends, all of it is unmounted and removed.
# shellcheck shell=bash
set -euo pipefail
exec </dev/null
unset CYRNN_ISA CYRNN_NUM_THREADS PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore

python=${PYTHON:-python3}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
system=$work/system
chmod 755 "$work" # for apt, which reads as a user of its own
mounted=()

leave() {
    local place
    for place in "${mounted[@]}"; do umount -l "$place" || :; done
    rm -rf --one-file-system "$work"
}
trap leave EXIT

say() { printf '\n=== %s (%d s)\n' "$*" "$SECONDS"; }

needs() { # COMMAND-OR-FILE:PACKAGE...: install Debian's packages for what is missing
    local pair missing=()
    for pair in "$@"; do
        [ -e "${pair%%:*}" ] || command -v "${pair%%:*}" >"$work/which" || missing+=("${pair#*:}")
    done
    [ ${#missing[@]} = 0 ] || { apt-get update -q && apt-get install -qy --no-install-recommends "${missing[@]}"; }
}

mirror() { # Debian's mirror, as this machine's own apt knows it
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n 1p
}

# Debian in $system, with the checkout in /tree. It is unpacked, not installed: a Python needs no maintainer script,
# and under an emulator those take longer than the test suite.
unpack() { # SUITE ARCHITECTURE PACKAGE,...
    local link
    # a mirror, or a machine's clock, may be weeks behind: their dates are not checked, their signatures are
    mmdebstrap -q --aptopt='Acquire::Check-Valid-Until "false"' --arch="$2" --variant=extract \
        --include="base-files,coreutils,dash,$3" "$1" "$system" "$(mirror)"
    for link in bin sbin lib lib64; do
        [ -e "$system/$link" ] || [ ! -e "$system/usr/$link" ] || ln -s "usr/$link" "$system/$link"
    done
    mkdir -p "$system/proc"
    mount -t proc proc "$system/proc"
    mounted+=("$system/proc")
    cp -r "$work/tree" "$system/tree"
}

inside() { # PROGRAM ARGUMENT...: in that system, whose kernels and test tools are in /site
    env -i HOME=/tmp PATH=/usr/sbin:/usr/bin PYTHONPATH=/site PYTHONUNBUFFERED=1 \
        CYRNN_TEST_PATIENCE="${CYRNN_TEST_PATIENCE:-}" QEMU_CPU="${QEMU_CPU:-}" chroot "$system" "$@"
}

install_inside() { # VERSION REQUIREMENT ARCHITECTURE FOLDER: what pip would choose there
    "$work/env/bin/pip" install -q --no-compile --target "$system/$4" --python-version "$1" --only-binary=:all: \
        --platform "linux_$3" --platform "manylinux_2_28_$3" --platform "manylinux_2_17_$3" "$2"
}

suite_inside() { # VERSION PYTEST-ARGUMENT...
    inside "python$1" -c 'import os, sys, pytest; os.chdir("/tree"); sys.exit(pytest.main(sys.argv[1:]))' \
        -p no:cacheprovider "${@:2}"
}

mkdir "$work/tree" # the files that git knows, and new ones it does not ignore: nothing built earlier can take part
git -C "$root" ls-files -z --cached --others --exclude-standard |
    tar -C "$root" --null --ignore-failed-read -T - -cf - | tar -C "$work/tree" -xf -
