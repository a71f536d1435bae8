# Shared by arm64.sh, plain_x86.sh, sid.sh, freethreaded.sh, windows.sh and ci/sanitizers/threads.sh, which run tests
# where this machine cannot by itself. To be sourced, by root on Debian. It makes the folder $work with a copy of the
# checkout in $work/tree; when the script ends, all of it is unmounted and removed.
# shellcheck shell=bash
set -euo pipefail
exec </dev/null
unset CYRNN_ISA CYRNN_NUM_THREADS PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore DEBIAN_FRONTEND=noninteractive

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

# Free-threaded CPython 3.13 in $work/source, from Debian trixie's source; -O1: what is tested with it is not its speed
build_python() { # CONFIGURE-OPTION...
    local include=/usr/include
    needs gcc:gcc make:make $include/openssl/ssl.h:libssl-dev $include/zlib.h:zlib1g-dev \
        $include/bzlib.h:libbz2-dev $include/lzma.h:liblzma-dev $include/sqlite3.h:libsqlite3-dev \
        "$include/$(gcc -print-multiarch)/ffi.h:libffi-dev"
    mkdir -p "$work/lists/partial" "$work/source"
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) trixie main" >"$work/debian.list"
    local apt=(apt-get -q -o "Dir::Etc::SourceList=$work/debian.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$work/lists")
    cd "$work"
    "${apt[@]}" update
    "${apt[@]}" source --download-only --only-source python3.13
    tar -C "$work/source" --strip-components=1 -xf python3.13_*.orig.tar.xz
    cd "$work/source"
    ./configure --disable-gil --disable-test-modules OPT='-O1 -DNDEBUG' "$@"
    make -s -j"$(nproc)" >"$work/make.log" 2>&1 || { tail -n 50 "$work/make.log" && return 1; }
    cd "$work/tree"
}

mkdir "$work/tree" # the files that git knows, and new ones it does not ignore: nothing built earlier can take part
if git -C "$root" ls-files -z --cached --others --exclude-standard >"$work/files" 2>"$work/git.log"; then
    tar -C "$root" --null --ignore-failed-read -T "$work/files" -cf - | tar -C "$work/tree" -xf -
else # not a checkout: an unpacked archive, or ci/run.sh's copy, has nothing else in it
    tar -C "$root" -cf - . | tar -C "$work/tree" -xf -
fi
