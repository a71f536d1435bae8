"""Say what a finished Linux wheel is, and fail unless it is what it should be: python ci/wheels/check.py WHEEL"""

import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

MAX_BYTES = 6 << 18  # 1.5 MiB
ISAS = {"x86_64": ("baseline", "avx2", "avx512"), "aarch64": ("baseline", "neon")}
KINDS = ("f32", "f64", "int")
KERNELS = {"_cpu", "views", *(f"_isa_{isa}_{kind}" for isa in ISAS[platform.machine()] for kind in KINDS)}
KERNELS |= {"_isa_neondot_int"} if platform.machine() == "aarch64" else set()
MODULES = {"cyrnn/calls/_calls.abi3.so", *(f"cyrnn/kernels/{name}.abi3.so" for name in KERNELS)}
PROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
INFO = f"cyrnn-{PROJECT['version']}.dist-info/"
#: what auditwheel gives it, the lowest that has NumPy: from memcpy of glibc 2.14 to manylinux2014
TAG = "cp311-abi3-manylinux2014_{0}.manylinux_2_17_{0}".format(platform.machine())


def unversioned_symbols(library: Path) -> list[str]:
    """Return what it takes from another library without saying which version of it, CPython's own names aside.

    A library that was not named to the linker leaves such names behind, and the wheel a tag that is too low.
    """
    names = subprocess.run(
        ["nm", "-D", "--undefined-only", library], capture_output=True, text=True, check=True
    ).stdout
    return re.findall(r"\bU ((?!_?Py)\w+)$", names, re.MULTILINE)


wheel = Path(sys.argv[1])
assert wheel.name == f"cyrnn-{PROJECT['version']}-{TAG}.whl", wheel.name
assert wheel.stat().st_size < MAX_BYTES, wheel.stat().st_size

with ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
    names = {name for name in archive.namelist() if not name.endswith("/")}
    ours = {name for name in names if not name.startswith(INFO)}
    assert all(re.fullmatch(r"cyrnn/[\w/]+\.(py|abi3\.so)|cyrnn/py\.typed", name) for name in ours), sorted(ours)
    assert {"cyrnn/py.typed", f"{INFO}licenses/LICENSE"} <= names, sorted(names)
    assert {name for name in ours if name.endswith(".so")} == MODULES

    metadata = message_from_bytes(archive.read(f"{INFO}METADATA"))
    requirements = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert requirements == ["numpy>=2.0"], requirements

    for library in (name for name in ours if name.endswith(".so")):
        found = unversioned_symbols(Path(archive.extract(library, folder)))
        assert not found, f"{library}: {found}"

print(f"{wheel.name}: {wheel.stat().st_size:,} bytes, {len(ours)} files, requires {', '.join(requirements)}")
