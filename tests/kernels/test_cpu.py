"""What _cpu.pyx finds by itself is what the system says of its CPU: a no too many would be slow, and silent."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cyrnn.kernels import dispatch

#: where its word is another
LINUX = {"avx512vnni": "avx512_vnni"}
#: numbers of winnt.h; that of AVX-512, 41, is not known to wine 8
WINDOWS = {"sse2": 10, "avx": 39, "avx2": 40}
APPLE = {"neon": "hw.optional.neon", "asimddp": "hw.optional.arm.FEAT_DotProd"}
APPLE |= {"avx2": "hw.optional.avx2_0", "avx512f": "hw.optional.avx512f"}


def told_by_linux() -> dict[str, bool]:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    # an emulator may show the file of the machine that it runs on
    key = "Features" if platform.machine() == "aarch64" else "flags"
    found = re.search(rf"^{key}\s*: (.*)$", text, re.MULTILINE)
    if found is None:
        pytest.skip("/proc/cpuinfo names no features")
    names = set(found[1].split())
    if platform.machine() == "aarch64":
        return {"neon": "asimd" in names, "asimddp": "asimddp" in names}
    return {name: LINUX.get(name, name) in names for name in dispatch.features() if name != "neon"}


def told_by_windows() -> dict[str, bool]:
    import ctypes

    present = ctypes.windll.kernel32.IsProcessorFeaturePresent  # type: ignore[attr-defined]
    if platform.machine() == "ARM64":
        return {"neon": bool(present(19)), "asimddp": bool(present(43))}
    return {name: bool(present(number)) for name, number in WINDOWS.items()}


def told_by_macos() -> dict[str, bool]:
    mine = {"neon", "asimddp"} if platform.machine() == "arm64" else {"avx2", "avx512f"}
    said = {name: subprocess.run(["sysctl", "-n", APPLE[name]], capture_output=True, text=True) for name in mine}
    return {name: done.stdout.strip() == "1" for name, done in said.items()}


def test_features_are_those_that_the_system_names():
    tell = {"linux": told_by_linux, "win32": told_by_windows, "darwin": told_by_macos}.get(sys.platform)
    if tell is None:
        pytest.skip("nobody to ask on this system")
    told = tell()
    assert {name: dispatch.features()[name] for name in told} == told
    assert any(told.values())
