"""setup.py on Windows, as far as another system can tell: which compiler it takes, and what it makes of it.

Windows is simulated: `sys.platform`, and a `ziglang` that writes down how it was called. Its real one has built the
wheel in Windows' own Python, under wine: CONTRIBUTING.md, last table.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from interpreter import run_python
from paths import ROOT

from cyrnn.demo import info
from cyrnn.demo.page import Page
from cyrnn.kernels import dispatch

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="simulates a Windows; its compilers are shell scripts")
#: before setup.py: what it asks of the system is that of a Windows
WINDOWS = """\
import os, sys, sysconfig
import numpy, setuptools.command.build_ext, Cython.Distutils
sys.platform, sysconfig.get_platform = "win32", lambda: {platform!r}
"""
#: `python -m ziglang`
ZIG = """\
import json, os, pathlib, sys
arguments = sys.argv[1:]
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
if "-dM" in arguments:
    print("#define __clang__ 1\\n#define _WIN32 1\\n#define __SIZEOF_POINTER__ 8\\n#define __x86_64__ 1")
elif "-dumpmachine" in arguments:
    print("x86_64-unknown-windows-gnu")
else:
    pathlib.Path(arguments[arguments.index("-o") + 1]).touch()
"""
#: before setup.py: what a test puts in the place of MSVC
MSVC = """
from distutils._msvccompiler import MSVCCompiler
from setuptools.errors import PlatformError
"""
GCC = ["__GNUC__ 14", "_WIN32 1", "__x86_64__ 1"]
CLANG_OF_LLVM = ["__clang__ 1", "_WIN32 1", "_MSC_VER 1944", "__x86_64__ 1"]


def on_windows(
    tmp_path: Path, code: str, *, platform: str = "win-amd64", zig: str | None = None, cc: str | None = None
) -> subprocess.CompletedProcess:
    """Run code before whose eyes Windows is, with CC or without, and with `ziglang` where it is given."""
    found = tmp_path / "site"
    if zig is not None:
        (found / "ziglang").mkdir(parents=True)
        (found / "ziglang" / "__init__.py").touch()
        (found / "ziglang" / "__main__.py").write_text(zig)
    # `-m ziglang` looks where its caller does: PYTHONPATH, as in pip's isolated builds
    paths = f"import os; os.environ['PYTHONPATH'] = {str(found)!r} + os.pathsep + os.environ['PYTHONPATH']; "
    hide = "" if zig else "sys.modules['ziglang'] = None; "
    code = f"import sys; sys.path.insert(0, {str(found)!r}); {hide}{paths}\n{WINDOWS.format(platform=platform)}{code}"
    return run_python("-c", code, cwd=tmp_path, CC=cc, CALLS=str(tmp_path / "calls"))


def chosen(tmp_path: Path, **options) -> list[str | None]:
    """Return the compiler that setup.py takes of setuptools' own, and CC."""
    code = f"""
import json, setuptools
setuptools.setup = lambda **_: None
names = {{"__name__": "setup"}}
exec(open({str(ROOT / "setup.py")!r}).read(), names)
print(json.dumps([names["compiler_on_windows"]({options.get("platform", "win-amd64")!r}), os.environ.get("CC")]))
"""
    done = on_windows(tmp_path, code, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def build(tmp_path: Path, *arguments: str, before: str = "", **options) -> subprocess.CompletedProcess:
    """Build modules that are empty, with setup.py as it is."""
    kernels, calls = tmp_path / "src" / "cyrnn" / "kernels", tmp_path / "src" / "cyrnn" / "calls"
    for folder in (kernels, calls):
        folder.mkdir(parents=True)
    for source in (ROOT / "src" / "cyrnn").rglob("*.pyx"):
        (tmp_path / source.relative_to(ROOT)).touch()
    command = ["setup.py", "build_ext", "-b", str(tmp_path / "built"), *arguments]
    code = f"{before}sys.argv = {command}; exec(open({str(ROOT / 'setup.py')!r}).read())"
    return on_windows(tmp_path, code, **options)


def script(tmp_path: Path, macros: list[str]) -> str:
    """Return the path of a compiler that defines those macros."""
    path = tmp_path / "compiler"
    path.write_text("#!/bin/sh\n" + "".join(f"echo '#define {macro}'\n" for macro in macros))
    path.chmod(0o755)
    return str(path)


def last(done: subprocess.CompletedProcess) -> str:
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(("platform", "target"), [("win-amd64", "x86_64"), ("win-arm64", "aarch64")])
def test_ziglang_is_taken_where_no_compiler_is_given(tmp_path, platform, target):
    """With a target: without one it would build for this very CPU."""
    compiler, command = chosen(tmp_path, platform=platform, zig=ZIG)
    assert compiler == "mingw32"
    assert re.fullmatch(rf'"[^"\\]+" -m ziglang cc -target {target}-windows-gnu', command)


def test_msvc_is_taken_where_there_is_nothing_else(tmp_path):
    assert chosen(tmp_path) == [None, None]


@pytest.mark.parametrize("given", ["cl", r"C:\VC\bin\cl.exe", "clang-cl"])
def test_msvc_is_taken_where_it_is_given(tmp_path, given):
    assert chosen(tmp_path, zig=ZIG, cc=given) == [None, given]


def test_compiler_that_is_given_is_taken_before_ziglang(tmp_path):
    folder = tmp_path / "two words"
    folder.mkdir()
    given = script(folder, ["__clang__ 1", "_WIN32 1", "__x86_64__ 1"])
    assert chosen(tmp_path, zig=ZIG, cc=given) == ["mingw32", f'"{given}"']


def test_ziglang_builds_all_kernels_of_the_cpu(tmp_path):
    done = build(tmp_path, zig=ZIG)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith("cyrnn: ")]
    assert len(said) == 1
    assert said[0].startswith("cyrnn: baseline avx2 avx512, by clang: ")
    assert "-m ziglang cc -target x86_64-windows-gnu" in said[0]

    calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    compiled = {Path(call[call.index("-c") + 1]).stem: call for call in calls if "-c" in call}
    assert len(compiled) == 12
    assert all("-DMS_WIN64=" in call for call in compiled.values()), "which Python's headers before 3.13 want"
    assert all("src/cyrnn/kernels/stack_probe.h" in call for call in compiled.values())
    assert "-mavx2" in compiled["_isa_avx2_f32"]
    assert "-ffp-contract=off" in compiled["_isa_avx512_f64"]
    assert "-mavx512vnni" in compiled["_isa_avx512_int"]
    assert not [name for name, call in compiled.items() if name[-4:] != "_int" and "-mavx512vnni" in call]
    assert not [option for option in compiled["_isa_baseline_f32"] if option.startswith("-m")]

    linked = [call for call in calls if "-shared" in call and any(word.endswith(".o") for word in call[:-2])]
    linked = [call for call in linked if "-c" not in call]
    assert len(linked) == 12
    assert all([word for word in call if word.startswith("-lpython")] == ["-lpython3"] for call in linked), "abi3"
    assert all("-rtlib=none" in call for call in linked), "ziglang's whole library, 40 kB a module"
    libraries = [Path(word.partition("=")[2]) for call in linked for word in call if "--out-implib" in word]
    assert len(libraries) == 12
    assert not [path for path in libraries if path.is_relative_to("built") or path.is_relative_to(tmp_path / "built")]


def test_another_clang_links_its_own_library(tmp_path):
    """The option is ziglang's alone; and on ARM the probe is another one."""
    given = script(tmp_path, ["__clang__ 1", "_WIN32 1", "__SIZEOF_POINTER__ 8", "__x86_64__ 1"])
    Path(given).write_text(Path(given).read_text() + f"echo \"$*\" >>'{tmp_path}/asked'\n")
    build(tmp_path, cc=given)
    asked = (tmp_path / "asked").read_text()
    assert "-dM" in asked
    assert " -c " in asked
    assert "-rtlib" not in asked
    assert "stack_probe" not in asked


def test_msvc_that_is_not_there_ends_in_a_sentence_that_says_what_to_install(tmp_path):
    missing = """
def initialize(self, platform=None):
    raise PlatformError("Unable to find a compatible Visual Studio installation.")
MSVCCompiler.initialize = initialize
"""
    line = last(build(tmp_path, "--compiler=msvc", before=MSVC + missing))
    assert line == (
        "error: cyrnn: no C compiler, MSVC is not found; install one: `pip install ziglang`, and leave CC unset"
    )


def test_msvc_builds_baseline_alone_and_says_so(tmp_path):
    """Its programs are not here: what it would be asked for is written down."""
    there = """
MSVCCompiler.initialize = lambda self, platform=None: None
MSVCCompiler.compile = lambda self, sources, **options: print("compiled", *sources, options["extra_postargs"]) or []
MSVCCompiler.link = lambda *arguments, **options: None
"""
    done = build(tmp_path, "--compiler=msvc", before=MSVC + there)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith("cyrnn: ")]
    assert said == ["cyrnn: MSVC builds `baseline` alone, slower than AVX2 and with other bits: see README.md, Install"]
    compiled = dict(re.findall(r"^compiled .*?(\w+)\.c (.*)$", done.stdout, re.MULTILINE))
    assert set(compiled) == {"_cpu", "views", "_calls", *(f"_isa_baseline_{kind}" for kind in ("f32", "f64", "int"))}
    assert compiled["_isa_baseline_f32"] == "['/O2', '/fp:precise']"


def test_info_of_a_build_by_msvc_says_what_it_lacks(tmp_path, monkeypatch):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no compiler")
    source = (ROOT / "src" / "cyrnn" / "kernels" / "_cpu.pyx").read_text(encoding="utf-8")
    macros = source[source.index("    #if defined(__clang__)") : source.index('    """\n    const char* BUILT_BY')]
    command = [compiler, "-U__clang__", "-U__GNUC__", "-D_MSC_VER=1944", "-E", "-P", "-x", "c", "-"]
    done = subprocess.run(command, input=macros + "BUILT_BY\n", capture_output=True, text=True, check=True)
    built_by = "".join(re.findall(r'"(.*?)"', done.stdout))
    assert built_by == "MSVC 1944, without kernels for AVX2 and AVX-512: `baseline` has other bits"
    monkeypatch.setattr(dispatch, "compiler", lambda: built_by)
    out = io.StringIO()
    info.show(Page(out))
    assert built_by in " ".join(out.getvalue().split())


@pytest.mark.parametrize("macros", [GCC, CLANG_OF_LLVM], ids=["gcc", "clang for MSVC"])
def test_compiler_whose_avx_would_not_work_is_refused(tmp_path, macros):
    line = last(build(tmp_path, zig=ZIG, cc=script(tmp_path, macros)))
    assert "cannot build AVX for Windows; take a clang with --target=x86_64-w64-windows-gnu, or leave CC unset" in line


def test_compiler_that_is_given_and_missing_is_named(tmp_path):
    line = last(build(tmp_path, zig=ZIG, cc="no-such-compiler"))
    assert line == (
        "error: cyrnn: no C compiler, 'no-such-compiler' is not found; "
        "install one: `pip install ziglang`, and leave CC unset"
    )


def test_a_32_bit_python_is_told_before_any_compiler_is_asked(tmp_path):
    line = last(build(tmp_path, platform="win32", zig=ZIG, before="sys.maxsize = 2**31 - 1\n"))
    assert line == "error: cyrnn: this Python is a 32-bit one; cyrnn wants a 64-bit one"
    assert not (tmp_path / "calls").exists()


def test_ziglang_that_does_not_work_is_told(tmp_path):
    line = last(build(tmp_path, zig="raise SystemExit('no cache: AccessDenied')"))
    assert line.startswith("error: cyrnn: the C compiler ")
    assert line.endswith("does not work: no cache: AccessDenied")


def test_only_windows_gets_ziglang_from_pip():
    """Its wheels have 100 MB: no other system needs one. With the marker, pip passes over it."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert [line.partition(";")[2].strip() for line in wanted if "ziglang" in line] == ["sys_platform == 'win32'"]
    assert not [line for line in wanted if ";" in line and "ziglang" not in line]
