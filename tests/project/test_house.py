"""The rules of the house, read from its sources: who may import whom and do what, how long a file may be."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from paths import ROOT, SRC

MODULES = {
    ".".join(path.relative_to(SRC.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SRC.rglob("*.py"))
}
CYTHON = sorted(path for ending in ("pyx", "pxi", "pxd") for path in SRC.rglob(f"*.{ending}"))

#: A module imports from lower floors only; the longest name that fits is the floor
FLOORS = {
    "cyrnn": 6,
    "cyrnn.__main__": 6,
    "cyrnn.demo": 6,
    "cyrnn.cli": 6,
    "cyrnn.estimators": 5,
    "cyrnn.distributed": 5,
    "cyrnn.plot": 5,
    "cyrnn.notebook": 4,
    "cyrnn.nn": 4,
    "cyrnn.onnx": 4,
    "cyrnn.training": 4,
    "cyrnn.weights": 3,
    "cyrnn.calls": 2,
    "cyrnn.kernels": 1,
    "cyrnn.cells": 0,
    "cyrnn._check": 0,
    "cyrnn._check_lists": 0,
    "cyrnn._check_quantized": 0,
    "cyrnn._keys": 0,
    "cyrnn._convert": 0,
}
#: packages whose own modules may import each other, without circles; what runs as a program is one of them
ROOMS = ["calls", "cells", "distributed", "estimators", "kernels", "nn", "notebook", "onnx", "plot", "training"]
ROOMS += ["weights"]
FAMILIES = tuple(f"cyrnn.{room}" for room in ROOMS)
FACADES = [name for name in MODULES if re.match(r"cyrnn\.(distributed|estimators|notebook|nn|onnx|training)\b", name)]
LIMITS = {"src": 300, "tests": 400, "ci": 400}
SOURCE_ENDINGS = {".py", ".pyx", ".pxi", ".pxd", ".h", ".sh"}
COMPILED = {path.stem: f"cyrnn.{path.parent.name}" for path in CYTHON if path.suffix == ".pyx"}
#: the one compiled module that makes NumPy's arrays itself; all others see memory only
WITH_NUMPY = {"_calls.pyx"}
#: and what it imports of its own room
IMPORTED = {"_calls.pyx": {"cyrnn.calls.quantized"}}

each_module = pytest.mark.parametrize("name", MODULES)


def tree_of(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def family_of(name: str) -> str | None:
    if floor_of(name) == FLOORS["cyrnn"]:
        return "cyrnn"
    if name in ("cyrnn._check", "cyrnn._check_lists", "cyrnn._check_quantized", "cyrnn._keys", "cyrnn._convert"):
        return "cyrnn._check"
    return next((family for family in FAMILIES if name == family or name.startswith(family + ".")), None)


def floor_of(name: str) -> int:
    parts = name.split(".")
    for length in range(len(parts), 1, -1):
        if ".".join(parts[:length]) in FLOORS:
            return FLOORS[".".join(parts[:length])]
    assert name == "cyrnn", f"{name} has no floor in FLOORS"
    return FLOORS["cyrnn"]


def imports_of(name: str) -> set[str]:
    """Every module of cyrnn that a module imports, anywhere in its text, but for type checking only."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    pending: list[ast.AST] = [tree_of(name)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
            continue
        pending += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *base.split(".")] if base else above)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in MODULES or alias.name in COMPILED else base)
    return {module for module in found if module.split(".")[0] == "cyrnn"}


@each_module
def test_import_is_from_a_lower_floor_or_the_family(name):
    for other in imports_of(name) - {name}:
        if family_of(name) is None or family_of(name) != family_of(other):
            assert floor_of(other) < floor_of(name), f"{name} imports {other}"


def test_imports_have_no_circle():
    pending = {name: imports_of(name) & set(MODULES) - {name} for name in MODULES}
    while pending:
        free = [name for name, needs in pending.items() if not needs & set(pending)]
        assert free, f"these import each other in a circle: {sorted(pending)}"
        for name in free:
            del pending[name]


@each_module
def test_compiled_module_is_named_by_its_own_room_alone(name):
    """Those of kernels/ by dispatch alone, which knows whether there are any; those of calls/ by calls alone."""
    imported, code = imports_of(name), ast.unparse(without_docstrings(tree_of(name)))
    for module, room in COMPILED.items():
        if name == "cyrnn.kernels.dispatch" if room == "cyrnn.kernels" else family_of(name) == room:
            continue
        assert f"{room}.{module}" not in imported
        assert not (module.startswith("_") and re.search(rf"\b{module}\b", code)), module
    assert name == "cyrnn.kernels.dispatch" or not re.search(r"\b_isa_", code)


def without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body[0] = ast.Pass()
    return tree


@each_module
def test_third_party_imports_are_numpy_alone(name):
    import sys

    tree = tree_of(name)
    guards = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    unread = {id(inner) for guard in guards for statement in guard.body for inner in ast.walk(statement)}
    for node in ast.walk(tree):
        if id(node) in unread:
            continue
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module]
        else:
            continue
        for module in modules:
            assert module.split(".")[0] in {"numpy", "cyrnn", *sys.stdlib_module_names}


@pytest.mark.parametrize("path", CYTHON, ids=lambda path: path.name)
def test_cython_source_imports_c_alone(path):
    """Typed memoryviews at the entry points, C below them: a kernel needs neither NumPy nor the rest of the house."""
    text = path.read_text(encoding="utf-8")
    allowed = {"libc", "cython", "cpython", *({"numpy"} if path.name in WITH_NUMPY else ())}
    declared = {f"cyrnn.{other.parent.name}.{other.stem}" for other in CYTHON if other.suffix == ".pxd"}
    pattern = re.compile(r"^\s*(?:from\s+(\S+)\s+)?(c?import)\s+([\w.]+)", re.MULTILINE)
    for source, how, name in pattern.findall(text):
        module = source or name
        if how == "import" and module in IMPORTED.get(path.name, ()):
            assert f"{COMPILED[path.stem]}.{path.stem}" not in imports_of(module)
            continue
        assert how == "cimport", module
        assert module.split(".")[0] in allowed or module in declared, module


def included_by(path: Path) -> list[Path]:
    targets = re.findall(r'^include\s+"([^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
    return [(path.parent / target).resolve() for target in targets]


#: what stubs of the kernels include, by what their names end in
BODIES = {"_f32": "body.pxi", "_f64": "body.pxi", "_int": "integer_body.pxi"}
BODY, INTEGER_BODY = (SRC / "kernels" / name for name in ("body.pxi", "integer_body.pxi"))
#: what includes other files: the bodies for the kernels of every ISA, and a module that has a body of its own
INDEXES = [
    *(BODY, INTEGER_BODY),
    *(path for path in CYTHON if path.suffix == ".pyx" and not path.name.startswith("_isa_")),
]
PXI = [path.resolve() for path in CYTHON if path.suffix == ".pxi"]
KERNEL_PXI = [path for path in PXI if path in [*included_by(BODY), *included_by(INTEGER_BODY)]]


@pytest.mark.parametrize("path", CYTHON, ids=lambda path: path.name)
def test_cython_include_stands_in_an_index_alone(path):
    """Stubs include a body, an index includes the rest, each file once and from its own floor or below."""
    included = included_by(path)
    if path.name.startswith("_isa_"):
        assert included == [(path.parent / BODIES[path.stem[-4:]]).resolve()]
    elif path in INDEXES:
        assert len(set(included)) == len(included)
        room = floor_of(f"cyrnn.{path.parent.name}")
        assert all(floor_of(f"cyrnn.{target.parent.name}") <= room for target in included)
    else:
        assert not included


@pytest.mark.parametrize(
    "path", [path for path in PXI if path.name not in BODIES.values()], ids=lambda path: path.name
)
def test_cython_pxi_is_in_one_index(path):
    """The kernels' bodies share files: those are in both."""
    indexes = [index for index in INDEXES if path in included_by(index)]
    assert len(indexes) == 1 or indexes == [BODY, INTEGER_BODY]


def test_kernels_bodies_share_files_in_one_order():
    shared = [[path for path in included_by(body) if path in included_by(other)] for body, other in (
        (BODY, INTEGER_BODY), (INTEGER_BODY, BODY)
    )]
    assert shared[0] == shared[1]
    assert len(shared[0]) > 5


@pytest.mark.parametrize("path", KERNEL_PXI, ids=lambda path: path.name)
def test_kernel_c_functions_are_noexcept_nogil(path):
    text = re.sub(r"\\\n|(?<=,)\n\s+", " ", path.read_text(encoding="utf-8"))
    for line in text.splitlines():
        if re.match(r"\s*cdef\s+(?:inline\s+)?[\w ]+[ *]\w+\(.*\).*:\s*(#.*)?$", line):
            assert re.search(r"\)\s*noexcept nogil:", line), line


@pytest.mark.parametrize("path", [*CYTHON, *(SRC / "kernels").glob("*.h")], ids=lambda path: path.name)
def test_source_asks_the_cpu_by_itself(path):
    """`__builtin_cpu_is` and its like want the compiler's run-time library. ziglang's has 140 kB, and knows no CPU."""
    assert not re.search(r"__builtin_cpu_\w+\(", path.read_text(encoding="utf-8"))


def test_stub_is_short_and_there_for_each_isa_and_dtype():
    stubs = {path.stem for path in CYTHON if path.name.startswith("_isa_")}
    isas = ("avx2", "avx512", "baseline", "neon", "wasm")
    assert stubs == {f"_isa_{isa}{kind}" for isa in isas for kind in BODIES} | {"_isa_neondot_int"}
    for path in CYTHON:
        if path.stem in stubs:
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 6


def test_cell_is_one_stem_with_two_twins():
    """A stem may hold several cells: what its .py says of a step, its .pxi runs, and registry.pxi joins."""
    from cyrnn.cells import CELLS

    registry = (SRC / "kernels" / "registry.pxi").read_text(encoding="utf-8")
    numbers = dict(re.findall(r'^    "(\w+)": (\w+),$', registry, re.MULTILINE))
    assert numbers == {name: name.upper() for name in CELLS}
    enum = re.search(r"^cdef enum: +# the cells.*\n((?:    \w+\n)+)    CELLS ", registry, re.MULTILINE)[1]
    assert enum.split() == list(numbers.values())
    for cell in CELLS.values():
        formulas = [formula for stage in cell.stages for formula in (stage.pointwise, stage.derivative)]
        (module,) = {getattr(formula, "func", formula).__module__ for formula in formulas}
        assert MODULES[module].parent == SRC / "cells"
        twin = MODULES[module].with_suffix(".pxi").read_text(encoding="utf-8")
        row = rf"formulas\[{numbers[cell.name]}\]\.stage\[(\d)\]"
        pointwise = re.findall(rf"^{row}\.pointwise = (\w+)$", registry, re.MULTILINE)
        derivatives = re.findall(rf"^    {row}\.derivative = (\w+)$", registry, re.MULTILINE)
        stages = [str(s) for s in range(len(cell.stages))]
        assert [stage for stage, _ in pointwise] == [stage for stage, _ in derivatives] == stages
        for (_, function), (_, derivative) in zip(pointwise, derivatives, strict=True):
            assert f"cdef void {function}(const PointwiseArgs* args)" in twin
            assert f"cdef void {derivative}(const PointwiseBackwardArgs* args)" in twin


@pytest.mark.parametrize("name", FACADES)
def test_facade_knows_no_isa_and_no_gate(name):
    """It names, checks, builds tuples and dicts; gate order and ISA are known further down."""
    code = ast.unparse(without_docstrings(tree_of(name)))
    assert not re.search(r"avx|neon|wasm|baseline|\.isa\b|NEEDS", code, re.IGNORECASE)
    assert not re.search(r"""["'](?:[fioz]t|rt|cct|inner|W[ficozr]|b[ficozr]|bca)["']""", code)


@each_module
def test_error_sentences_are_in_check_and_dispatch_alone(name):
    rooms = "(cli|distributed|estimators|nn|onnx|plot|training)"
    if re.fullmatch(rf"cyrnn\.(_check(_lists|_quantized)?|_keys|{rooms}\._check(_\w+)?|kernels\.dispatch)", name):
        return
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = ast.unparse(node.exc).partition("(")[0]
            assert raised not in {"ValueError", "TypeError", "KeyError", "ImportError"}, f"line {node.lineno}"


@each_module
def test_function_fits_a_page(name):
    """At most 60 lines of code beside its docstring."""
    for node in ast.walk(without_docstrings(tree_of(name))):
        if isinstance(node, ast.FunctionDef):
            statements = [statement for statement in node.body if not isinstance(statement, ast.Pass)]
            if statements:
                assert statements[-1].end_lineno - statements[0].lineno < 60, node.name


def functions_of(text: str) -> list[tuple[str, list[str]]]:
    """Each Cython function outside docstrings, and its lines of code, its signature's aside."""
    text = re.sub(r'""".*?"""', "", text, flags=re.DOTALL)
    found: list[tuple[str, list[str]]] = []
    for block in re.split(r"^(?= *(?:cp?def|def) [^=\n]*\()", text, flags=re.MULTILINE)[1:]:
        head, _, body = block.partition(":\n")
        indent = len(head) - len(head.lstrip())
        lines = []
        for line in filter(str.strip, body.splitlines()):
            if len(line) - len(line.lstrip()) <= indent:
                break
            lines.append(line)
        found.append((head.partition("(")[0].split()[-1], lines))
    return found


@pytest.mark.parametrize("path", CYTHON, ids=lambda path: path.name)
def test_cython_function_fits_a_page(path):
    """At most 60 lines of code beside its declarations and its docstring."""
    for name, lines in functions_of(path.read_text(encoding="utf-8")):
        code = [line for line in lines if not line.strip().startswith("cdef ")]
        assert len(code) <= 60, name


TESTS = sorted((ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_test_module_is_imported_by_none(path):
    """What two of them share is in tests/support, and so is every interpreter that a test starts."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert not [module for module in imported if module.startswith("test_")]
    assert path.parent.name == "support" or path.name.startswith("test_")
    if path.name != "interpreter.py":
        executable = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "executable"]
        assert not executable, "support/interpreter.py starts another Python"


def test_tests_that_a_text_names_are_there():
    texts = [path for top in ("src", "tests", "ci", "docs", ".github") for path in (ROOT / top).rglob("*.*")]
    texts = [path for path in texts if path.suffix in {*SOURCE_ENDINGS, ".md", ".yml", ".json"}]
    named = re.compile(r"(?<![\w/])tests/[\w./]+\.(?:py|json|npz)\b")
    missing = [
        f"{path.relative_to(ROOT).as_posix()} names {name}"
        for path in (*texts, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "pyproject.toml")
        for name in named.findall(path.read_text(encoding="utf-8"))
        if not (ROOT / name).exists()
    ]
    assert not missing, "\n".join(missing)


def sources() -> list[Path]:
    found = (path for top in LIMITS for path in sorted((ROOT / top).rglob("*")))
    return [p for p in found if p.suffix in SOURCE_ENDINGS and p.name not in ("_version.py",)]


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_file_is_not_too_long(path):
    top = path.relative_to(ROOT).parts[0]
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LIMITS[top]


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_file_names_no_path_of_a_machine(path):
    private = "|".join(["work", "farm", "root", "home"])
    assert not re.search(rf"(?:^|[^\w./-])/(?:{private})/", path.read_text(encoding="utf-8"))
