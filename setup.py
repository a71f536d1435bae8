"""The extension modules: one stub per ISA and dtype, all of them the same body. All else is in pyproject.toml.

Which are built, and with which flags, is asked of the compiler, not of this machine: it may build for another one, and
on Windows be clang, which has all kernels, or MSVC, which has no vector extensions and builds `baseline` alone. Windows
has no compiler of its own: there pip brings one, `ziglang` (see `compiler_on_windows`).
"""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import setuptools
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import PlatformError

#: what is missing of [build-system], where pip's build isolation is off, or pip not in use
WANTED = [name for name in ("Cython", "numpy") if importlib.util.find_spec(name) is None]
major = setuptools.__version__.partition(".")[0]
if major.isdigit() and int(major) < 77:
    WANTED.append(f"a newer setuptools than {setuptools.__version__}")
if WANTED:
    sys.exit(f"error: cyrnn: the build wants {' and '.join(WANTED)}; `pip install .` brings what pyproject.toml names")
KERNELS = "src/cyrnn/kernels/"
HEADERS = sorted(str(path) for path in Path(KERNELS).glob("*.h"))
#: ISA -> the flags that let a compiler like gcc use it
FLAGS = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512"],
    "neon": [],
    "neondot": [],
    "wasm": [],
}
#: what modules of kernels are for: states of float32, of float64, of float32 with integer weights
KINDS = ("f32", "f64", "int")
#: and which flags more those for integers get: CPUs that have AVX-512 without this get AVX2's
INTEGER_FLAGS = {"avx512": ["-mavx512vnni"]}
#: an ISA of kernels for integers alone, since all else of it is NEON's: CPUs with dot products of bytes
INTEGERS_ALONE = ("neondot",)
#: what gcc alone is told: on ARM it orders instructions before it assigns registers, and then spills sums of large
#: tiles, up to 10 accesses of the stack for 24 multiply-adds; none so (gcc 12, by ci/clang/loops.py)
GCC = {"neon": ["-fno-schedule-insns"], "neondot": ["-fno-schedule-insns", "-march=armv8.2-a+dotprod"]}
#: and clang 22: a third smaller than by -O3, and no slower. gcc's time over its own: sequences 0.92 to 1.09, mean 1.00;
#: single cells on unpacked weights 0.86 to 1.17, mean 0.99; `lstm_backward` (3,5,10,7) 0.86 (Xeon with AVX-512,
#: 2026-11-29)
CLANG = ["-O2"]
#: its way of asking for dot products: `zig cc` takes -march for its own
CLANG_OF = {"neondot": ["-Xclang", "-target-feature", "-Xclang", "+dotprod"]}
#: variables of the environment that setuptools takes apart: commands, their flags, and what is not called for C
COMMANDS = ("CC", "LDSHARED")
VARIABLES = (*COMMANDS, "CFLAGS", "CPPFLAGS", "LDFLAGS")
NOT_CALLED = ("CXX", "CXXFLAGS", "LDCXXSHARED", "AR", "ARFLAGS")
#: what leaves out symbols that nobody else needs: a twentieth of a wheel
SYMBOLS = {"__linux__": "-Wl,-s", "__APPLE__": "-Wl,-x"}
#: flags that make a compiler do something else than compile and link
ELSE = {"-c", "-S", "-E", "-M", "-MM", "-###", "-fsyntax-only", "--help", "--version"}
#: flags that let it change results; those below do not take all of it back, and a linker has such a module set the
#: whole process to flush subnormals
INEXACT = {"-Ofast", "-ffast-math", "-funsafe-math-optimizations", "-fassociative-math", "-freciprocal-math"}
INEXACT |= {"-ffinite-math-only", "-fno-signed-zeros", "-ffp-model=fast", "-mdaz-ftz", "-mfpmath=387"}
#: what such a compiler says of the CPU that it builds for -> the ISAs of such CPUs
ISAS = {"__x86_64__": ("baseline", "avx2", "avx512"), "__aarch64__": ("baseline", "neon", "neondot")}
ISAS |= {"__wasm__": ("wasm",)}
# Canonical arithmetic: the compiler may neither contract, reorder nor approximate.
GNU = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-g0"]
MSVC = ["/O2", "/fp:precise"]
#: one wheel for every CPython from 3.11 on; a free-threaded one has no Limited API, and gets a wheel of its own
ABI3 = not sysconfig.get_config_var("Py_GIL_DISABLED")
LIMITED_API = [("Py_LIMITED_API", "0x030B0000"), ("CYTHON_LIMITED_API", "1")] if ABI3 else []
NUMPY_API = [(name, "NPY_2_0_API_VERSION") for name in ("NPY_NO_DEPRECATED_API", "NPY_TARGET_VERSION")]
INLINE = ("CYTHON_INLINE", "__inline__ __attribute__((__always_inline__))")
GET_COMPILER = {
    "linux": "install one: `apt install gcc python3-dev`, `dnf install gcc python3-devel`, "
    "`apk add gcc musl-dev python3-dev`",
    "darwin": "install one: `xcode-select --install`",
    "win32": "install one: `pip install ziglang`, and leave CC unset",
}.get(sys.platform, "install gcc or clang")
#: setuptools' name of a Windows -> ziglang's; without one, `zig cc` builds for this very CPU
ZIG_TARGETS = {"win-amd64": "x86_64-windows-gnu", "win-arm64": "aarch64-windows-gnu"}


def kernel(isa: str, kind: str) -> Extension:
    return Extension(
        f"cyrnn.kernels._isa_{isa}_{kind}",
        [f"{KERNELS}_isa_{isa}_{kind}.pyx"],
        include_dirs=[KERNELS],
        depends=HEADERS,
        define_macros=[(f"CYRNN_{isa.upper()}", None), ("CYRNN_DOUBLE", str(int(kind == "f64"))), *LIMITED_API],
        py_limited_api=ABI3,
    )


def plain(name: str) -> Extension:
    """A module that runs on any CPU of the platform: it asks for features, or calls the kernels."""
    import numpy

    return Extension(
        f"cyrnn.{name}",
        [f"src/cyrnn/{name.replace('.', '/')}.pyx"],
        include_dirs=[KERNELS, numpy.get_include()],
        depends=HEADERS,
        define_macros=[*NUMPY_API, *LIMITED_API],
        py_limited_api=ABI3,
    )


#: of every ISA; `Build` leaves those out that the compiler does not build for
MODULES = [kernel(isa, kind) for isa in FLAGS for kind in KINDS if kind == "int" or isa not in INTEGERS_ALONE]


def isa_of(module: Extension) -> str | None:
    """None of a module that has no kernels."""
    name = module.name.rpartition(".")[2]
    return name.split("_")[2] if name.startswith("_isa_") else None


def words_of(name: str, value: str) -> list[str]:
    """What a variable of the environment has to say, before setuptools takes it apart."""
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise PlatformError(f"cyrnn: {name} is {value!r}, which does not fall into words: {error}") from None
    if name in NOT_CALLED:
        return words
    if not words and name in COMMANDS:
        raise PlatformError(f"cyrnn: {name} is {value!r}; let it name a compiler, or unset it")
    if wrong := ELSE.intersection(words):
        cause = "a compiler has to compile and link"
    elif wrong := INEXACT.intersection(words):
        cause = "it lets a compiler change results"
    if wrong:
        raise PlatformError(f"cyrnn: {name} is {value!r}; {min(wrong)!r} is not for there: {cause}")
    return words


def compiler_on_windows(platform: str) -> str | None:
    """Which of setuptools' compilers to take, where none was asked for. None is its own choice there, MSVC.

    `mingw32` is any compiler like gcc, by the name in CC: the one given, or `zig cc`, which is clang with headers and
    libraries of Windows. A clang that is only found in PATH is not taken: LLVM's own has neither.
    """
    given = os.environ.get("CC", "").replace("\\", "/")  # a backslash would hide the letter behind it
    if not given and platform in ZIG_TARGETS and importlib.util.find_spec("ziglang"):
        given = f'"{Path(sys.executable).as_posix()}" -m ziglang cc -target {ZIG_TARGETS[platform]}'
    elif shutil.which(given):
        given = f'"{given}"'  # of one word, whose folders may have spaces
    words = words_of("CC", given) if given else []
    if not words or Path(words[0]).stem.lower() in ("cl", "clang-cl"):
        return None
    macros_of(words)  # setuptools starts it without asking whether it is there
    os.environ["CC"] = given
    return "mingw32"


def macros_of(command: list[str]) -> dict[str, str]:
    """What a compiler like gcc defines: its own name, and that of the CPU it builds for."""
    if shutil.which(command[0]) is None:
        raise PlatformError(f"cyrnn: no C compiler, {command[0]!r} is not found; {GET_COMPILER}")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "empty.c")  # which a C++ compiler takes for C++: no -x here
        source.touch()
        command = [*command, "-dM", "-E", str(source)]
        try:
            asked = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", timeout=60
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PlatformError(f"cyrnn: the C compiler {command[0]!r} does not work: {error}") from None
    if asked.returncode:
        said = asked.stderr.strip().splitlines() or ["it says nothing"]
        reason = next((line for line in said if "error" in line), said[0])  # it may warn before
        raise PlatformError(f"cyrnn: the C compiler {' '.join(command)!r} does not work: {reason}")
    lines = (line.split(maxsplit=2) for line in asked.stdout.splitlines())
    found = {words[1]: words[2] if len(words) == 3 else "" for words in lines if len(words) > 1}
    if "__cplusplus" in found:
        raise PlatformError(f"cyrnn: {command[0]!r} compiles C++; cyrnn is C: gcc, say, or clang")
    if not {"__clang__", "__GNUC__"}.intersection(found):
        raise PlatformError(f"cyrnn: the C compiler {command[0]!r} is neither gcc nor clang, nor like them")
    if "__clang__" not in found and int("0" + re.sub(r"\D", "", found.get("__GNUC__", ""))) < 12:
        raise PlatformError(f"cyrnn: the C compiler {command[0]!r} is too old: gcc 12, clang 14 and newer ones will do")
    if "__STDC__" in found and "__STDC_VERSION__" not in found:
        raise PlatformError(f"cyrnn: the C compiler {command[0]!r} asks for C89; cyrnn is C99")
    if "__FAST_MATH__" in found:
        raise PlatformError(f"cyrnn: the C compiler {command[0]!r} has -ffast-math on, which lets it change results")
    if found.get("__SIZEOF_POINTER__") == "4" and "__wasm__" not in found:
        raise PlatformError(f"cyrnn: the C compiler {command[0]!r} builds for 32 bits; cyrnn wants 64")
    if "_MSC_VER" in found or ("_WIN32" in found and "__clang__" not in found):
        # as MSVC does, for whose linker nothing here is written; or gcc, which aligns the stack to 16 (its bug 54412)
        cure = "take a clang with --target=x86_64-w64-windows-gnu, or leave CC unset: then it is that of `ziglang`"
        raise PlatformError(f"cyrnn: the C compiler {command[0]!r} cannot build AVX for Windows; {cure}")
    return found


def chosen(isas: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the ISAs that CYRNN_BUILD_ISAS names; all where it is unset or empty. One takes a third of the time."""
    wanted = os.environ.get("CYRNN_BUILD_ISAS", "").split()
    if unknown := set(wanted).difference(isas):
        raise PlatformError(f"cyrnn: CYRNN_BUILD_ISAS names {min(unknown)!r}; this compiler builds {' '.join(isas)}")
    return tuple(isa for isa in isas if isa in wanted) or isas


class Build(build_ext):
    def run(self) -> None:
        if sys.platform == "win32" and self.compiler is None:
            self.compiler = compiler_on_windows(self.plat_name) or "msvc"
        if self.compiler != "msvc":  # which looks at none of them
            for name in (*VARIABLES, *NOT_CALLED):
                if name in os.environ:
                    words_of(name, os.environ[name])
        super().run()

    def build_extension(self, module: Extension) -> None:
        super().build_extension(module)
        made = Path(self.get_ext_fullpath(module.name))
        if self.compiler.compiler_type != "msvc" and not made.exists():
            linker = " ".join(self.compiler.linker_so)
            raise PlatformError(f"cyrnn: the linker said nothing and made no {made.name}: {linker!r}")

    def get_libraries(self, module: Extension) -> list[str]:
        """`python3` is the library of the Limited API; setuptools takes that of this very version on Windows."""
        names = super().get_libraries(module)
        return [re.sub(r"^python3\d+$", "python3", name) for name in names] if ABI3 else names

    def build_extensions(self) -> None:
        if sys.maxsize <= 2**32:
            raise PlatformError("cyrnn: this Python is a 32-bit one; cyrnn wants a 64-bit one")
        if self.compiler.compiler_type == "msvc":
            self.initialize_msvc()
            print("cyrnn: MSVC builds `baseline` alone, slower than AVX2 and with other bits: see README.md, Install")
            isas, flags = ("baseline",), MSVC
        else:
            macros = macros_of(self.compiler.compiler_so)
            isas, flags = next((ISAS[name] for name in ISAS if name in macros), ("baseline",)), GNU
            name = "clang" if "__clang__" in macros else "gcc"
            print(f"cyrnn: {' '.join(isas)}, by {name}: {' '.join(self.compiler.compiler_so)}")
            if "_WIN32" in macros:
                self.prepare_windows("ziglang" in self.compiler.compiler_so and "__x86_64__" in macros)
            headers = Path(sysconfig.get_path("include"), "Python.h")
            if not headers.exists():
                raise PlatformError(f"cyrnn: {headers.name} is missing, of Python's own headers; {GET_COMPILER}")
        wanted = (None, *chosen(isas))
        self.extensions = [module for module in self.extensions if isa_of(module) in wanted]
        for module in self.extensions:
            isa = isa_of(module)
            if flags is GNU and not any("_SANITIZE_" in name for name in macros):
                module.extra_link_args += [SYMBOLS[system] for system in SYMBOLS if system in macros]
            if flags is GNU and isa is None:
                module.extra_compile_args = ["-g0", "-Os" if module.name == "cyrnn.kernels.views" else "-O2"]
            elif flags is GNU:
                own = [*CLANG, *CLANG_OF.get(isa, [])] if "__clang__" in macros else GCC.get(isa, [])
                module.extra_compile_args = [*GNU, *FLAGS[isa], *own]
                if module.name.endswith("_int"):
                    module.extra_compile_args += INTEGER_FLAGS.get(isa, [])
                if isa == "baseline" and len(isas) > 1:  # of CPUs before AVX2: small comes first
                    module.extra_compile_args.append("-O2")
                module.define_macros.append(INLINE)
                module.libraries = ["m"]
            elif isa is not None:
                module.extra_compile_args = MSVC
        super().build_extensions()

    def prepare_windows(self, without_library: bool) -> None:
        """What Python's headers and setuptools leave out for compilers like gcc.

        ziglang links all of its run-time library, 40 kB a module, of which a stack probe is called, and nothing else.
        """
        if without_library:
            self.compiler.compiler_so += ["-include", "src/cyrnn/kernels/stack_probe.h"]
        for module in self.extensions:
            module.define_macros.append(("MS_WIN64", ""))  # as the headers themselves, from 3.13 on
            # Of ziglang: what it builds of its C library is smaller then; and no .lib beside it, in the wheel.
            implib = Path(self.build_temp, module.name + ".lib").as_posix()
            module.extra_link_args = ["-Os", f"-Wl,--out-implib={implib}"]
            module.extra_link_args += ["-rtlib=none"] if without_library else []

    def initialize_msvc(self) -> None:
        try:
            self.compiler.initialize()
        except PlatformError:
            raise PlatformError(f"cyrnn: no C compiler, MSVC is not found; {GET_COMPILER}") from None


setup(
    ext_modules=[plain("kernels._cpu"), plain("kernels.views"), plain("calls._calls"), *MODULES],
    cmdclass={"build_ext": Build},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if ABI3 else {},
)
