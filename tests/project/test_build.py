"""setup.py, where it cannot build: one sentence, soon, that says what to do."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import pytest
from interpreter import patience, run_python

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the compilers here are shell scripts")

ROOT = Path(__file__).resolve().parents[2]
#: variables that setuptools takes apart, those first that the build uses
NAMES = ["CFLAGS", "CPPFLAGS", "LDFLAGS", "LDSHARED", "CXX", "CXXFLAGS", "LDCXXSHARED", "AR", "ARFLAGS"]
GCC = """\
#!/bin/sh
echo '#define __GNUC__ 11'
echo '#define __x86_64__ 1'
"""
BROKEN = """\
#!/bin/sh
echo 'cannot execute cc1: No such file or directory' >&2
exit 1
"""


def build(tmp_path: Path, compiler: str | None, *, before: str = "pass", **variables: str) -> tuple[str, float]:
    """The last line of a build that fails, and how long it took."""
    command = ["setup.py", "build_ext", "-b", str(tmp_path)]
    code = f"import sys; {before}; sys.argv = {command}; exec(open('setup.py').read())"
    start = time.monotonic()
    done = run_python("-c", code, cwd=ROOT, CC=compiler, **variables)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1], time.monotonic() - start


@pytest.fixture
def script(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "compiler"
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    return write


def test_no_compiler_says_what_to_install_within_seconds(tmp_path):
    line, seconds = build(tmp_path, "no-such-compiler")
    assert line.startswith("error: cyrnn: no C compiler, 'no-such-compiler' is not found; install ")
    assert seconds < patience(20)  # about half a second


def test_an_old_gcc_is_named_with_what_will_do(tmp_path, script):
    line, _ = build(tmp_path, script(GCC))
    assert line.endswith("is too old: gcc 12, clang 14 and newer ones will do")


def test_a_compiler_that_does_not_work_is_named_with_its_own_reason(tmp_path, script):
    line, _ = build(tmp_path, script(BROKEN))
    assert line.startswith("error: cyrnn: the C compiler ")
    assert line.endswith("does not work: cannot execute cc1: No such file or directory")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#!/nowhere\n", "does not work: "),
        ("#!/bin/sh\nprintf '\\377'\n", "is neither gcc nor clang, nor like them"),
        ("#!/bin/sh\n", "is neither gcc nor clang, nor like them"),
        ("#!/bin/sh\necho '#define __GNUC__ (1)'\n", "is too old: "),
        ("#!/bin/sh\necho '#define __GNUC__ 12'; echo '#define __SIZEOF_POINTER__ 4'\n", "builds for 32 bits"),
        ("#!/bin/sh\necho '#define __GNUC__ 12'; echo '#define __STDC__ 1'\n", "asks for C89; cyrnn is C99"),
        ("#!/bin/sh\necho '#define __GNUC__ 12'; echo '#define __FAST_MATH__ 1'\n", "lets it change results"),
        ("#!/bin/sh\necho 'a warning' >&2; echo 'an error' >&2; exit 1\n", "does not work: an error"),
    ],
)
def test_a_compiler_that_says_strange_things_ends_in_a_sentence(tmp_path, script, text, reason):
    line, _ = build(tmp_path, script(text))
    assert line.startswith("error: cyrnn: the C compiler ")
    assert reason in line


def test_a_compiler_that_waits_for_input_gets_none(tmp_path, script):
    line, seconds = build(tmp_path, script("#!/bin/sh\ncat\n"))
    assert line.endswith("is neither gcc nor clang, nor like them")
    assert seconds < patience(20)


@pytest.mark.parametrize(
    ("cc", "sentence"),
    [
        ("", "CC is ''; let it name a compiler, or unset it"),
        ("  ", "CC is '  '; let it name a compiler, or unset it"),
        ("'gcc", "CC is \"'gcc\", which does not fall into words: No closing quotation"),
        ("gcc -c", "CC is 'gcc -c'; '-c' is not for there: a compiler has to compile and link"),
        ("gcc -m64 -E", "CC is 'gcc -m64 -E'; '-E' is not for there: a compiler has to compile and link"),
    ],
)
def test_a_cc_that_is_no_compiler_is_quoted(tmp_path, cc, sentence):
    line, _ = build(tmp_path, cc)
    assert line == f"error: cyrnn: {sentence}"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        *((name, "a '", "which does not fall into words: No closing quotation") for name in NAMES),
        *((name, "-O2 -Ofast", "'-Ofast' is not for there: it lets a compiler change results") for name in NAMES[:4]),
        *((name, "-S", "'-S' is not for there: a compiler has to compile and link") for name in NAMES[:4]),
        ("LDSHARED", "", "let it name a compiler, or unset it"),
    ],
)
def test_flags_that_would_not_do_are_quoted(tmp_path, name, value, reason):
    line, _ = build(tmp_path, None, **{name: value})
    assert line.startswith(f"error: cyrnn: {name} is {value!r}")
    assert line.endswith(reason)


@pytest.mark.parametrize("name", ["CXX", "CXXFLAGS"])
def test_flags_of_a_compiler_that_is_not_called_are_left_alone(tmp_path, name):
    line, _ = build(tmp_path, "no-such-compiler", **{name: "-Ofast"})
    assert "'no-such-compiler' is not found" in line


@pytest.mark.skipif(shutil.which("cc") is None, reason="no compiler")
def test_a_linker_that_makes_nothing_is_told(tmp_path):
    line, _ = build(tmp_path, "cc", LDSHARED="true")
    assert line.startswith("error: cyrnn: the linker said nothing and made no ")


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ("sys.modules['Cython'] = None", "Cython"),
        ("sys.modules['Cython'] = sys.modules['numpy'] = None", "Cython and numpy"),
        ("import setuptools; setuptools.__version__ = '70.3.0'", "a newer setuptools than 70.3.0"),
    ],
)
def test_what_the_build_wants_is_named_where_pip_does_not_bring_it(tmp_path, before, wanted):
    line, _ = build(tmp_path, None, before=before)
    assert line == f"error: cyrnn: the build wants {wanted}; `pip install .` brings what pyproject.toml names"


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
def test_a_compiler_of_another_language_is_named(tmp_path):
    line, _ = build(tmp_path, "c++")
    assert line == "error: cyrnn: 'c++' compiles C++; cyrnn is C: gcc, say, or clang"


@pytest.mark.skipif(shutil.which("cc") is None, reason="no compiler")
def test_missing_headers_are_named(tmp_path):
    before = "import sysconfig; sysconfig.get_path = lambda *_: '/nowhere'"
    line, _ = build(tmp_path, "cc", before=before)
    assert line.startswith("error: cyrnn: Python.h is missing, of Python's own headers; install ")


@pytest.mark.skipif(shutil.which("cc") is None, reason="no compiler")
def test_an_isa_to_build_that_there_is_not_is_named(tmp_path):
    line, _ = build(tmp_path, "cc", CYRNN_BUILD_ISAS="baseline avx3")
    assert line.startswith("error: cyrnn: CYRNN_BUILD_ISAS names 'avx3'; this compiler builds baseline")


def test_a_32_bit_python_is_told(tmp_path):
    line, _ = build(tmp_path, "cc", before="sys.maxsize = 2**31 - 1")
    assert line == "error: cyrnn: this Python is a 32-bit one; cyrnn wants a 64-bit one"


@pytest.mark.parametrize(
    ("system", "cure"),
    [
        ("linux", "`apt install gcc python3-dev`, `dnf install gcc python3-devel`, `apk add gcc musl-dev python3-dev`"),
        ("darwin", "`xcode-select --install`"),
        ("freebsd14", "install gcc or clang"),
    ],
)
def test_no_compiler_names_what_the_system_has(tmp_path, system, cure):
    before = f"import numpy, setuptools.command.build_ext; sys.platform = {system!r}"
    line, _ = build(tmp_path, "no-such-compiler", before=before)
    assert line.endswith(cure)
