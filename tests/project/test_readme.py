"""README and the other pages keep their word: blocks run, links lead somewhere, tables stand between their markers."""

from __future__ import annotations

import contextlib
import io
import re

import numpy as np
import pytest
from paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PERFORMANCE = (ROOT / "docs" / "explanation" / "performance.md").read_text(encoding="utf-8")
ROWS = (ROOT / "docs" / "explanation" / "performance_rows.md").read_text(encoding="utf-8")
PAGES = [page.relative_to(ROOT).as_posix() for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)]+)\)")

each_page = pytest.mark.parametrize("page", PAGES)


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.fixture
def random_stream():
    """Give the global stream back as it was: README seeds it, as the notebook does."""
    state = np.random.get_state()  # noqa: NPY002 - the notebook's stream is the legacy one
    yield
    np.random.set_state(state)  # noqa: NPY002 - as above


@pytest.mark.usefixtures("random_stream")
def test_readme_blocks_run_and_print_what_is_shown():
    """In order, in one namespace; a `text` block after a Python block is its output."""
    namespace: dict = {"__name__": "__main__"}
    blocks = BLOCK.findall(README)
    assert [kind for kind, _ in blocks].count("python") >= 2
    for (kind, code), (after, shown) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind != "python":
            continue
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(code, "README.md", "exec"), namespace)
        if after == "text":
            assert out.getvalue() == shown


@each_page
def test_every_fence_is_of_a_kind_that_tests_know(page):
    """A block without a name, or of another one, would be run by no test.

    `py`: programs of others. `diff`: changes of an example, which its own test makes.
    """
    fences = re.findall(r"^ *```.*$", text_of(page), re.MULTILINE)
    assert set(fences) <= {"```python", "```text", "```sh", "```py", "```diff", "```"}
    assert len(fences) == 2 * len(BLOCK.findall(text_of(page)))


@pytest.mark.parametrize("command", ["pip install . && python -m cyrnn", "pip install '.[test]' && pytest"])
def test_readme_has_the_command_on_a_line_of_its_own(command):
    assert command in README.splitlines()


def test_readme_is_short():
    assert len(README.splitlines()) <= 200


def test_readme_links_work_on_the_page_of_a_package_index():
    """There a relative link leads nowhere, nor does one to a heading."""
    assert [target for target in LINK.findall(README) if not target.startswith("https://")] == []


def test_readme_names_files_and_folders_that_exist():
    named = re.findall(r"`((?:docs/)?[\w/]+(?:\.md)?)`", README[README.index("## More") :])
    named += re.findall(r"`(docs/[\w/]+\.md)`", README)
    assert {"docs/tutorials", "docs/how_to", "docs/explanation", "docs/reference", "CONTRIBUTING.md"} <= set(named)
    assert [name for name in named if not (ROOT / name).exists()] == []


@each_page
def test_pages_link_to_files_and_headings_that_exist(page):
    for target in LINK.findall(text_of(page)):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        file = (ROOT / page).parent / name if name else ROOT / page
        assert file.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}, target


def between(text: str, start: str, end: str) -> list[list[str]]:
    """The cells of the tables' rows between two markers, heads and rules aside."""
    part = text[text.index(start) : text.index(end)]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return [row for row in rows if re.match(r"[\d.]+", row[-1])]


def test_table_of_functions_stands_between_its_markers():
    rows = between(PERFORMANCE, "<!-- functions:start -->", "<!-- functions:end -->")
    for function in ("sigmoid", "tanh", "softmax", "rnn_cell", "rnn", "lstm_cell", "lstm"):
        name = function if function in ("sigmoid", "tanh", "softmax") else function + "_forward"
        assert [row[0] for row in rows].count(f"`{name}`") == 2


def test_ten_rows_of_readme_are_among_all_rows():
    """One program writes both from one run: a row that was edited by hand, or left behind, differs."""
    ten = between(README, "<!-- ten rows:start -->", "<!-- ten rows:end -->")
    tables = between(ROWS, "<!-- bench:start -->", "<!-- bench:end -->")
    assert len(ten) == 10
    assert min(float(row[-1].rstrip("x")) for row in ten) < 1, "losses are shown, too"
    for _, _, shape, ours, rival, ratio in ten:
        numbers = {ours, rival.rpartition(" ")[2], ratio}
        assert [row for row in tables if row[0].endswith(shape) and numbers <= set(row)], (shape, numbers)


def test_bound_in_ulp_is_stated_in_one_place_and_covers_what_was_measured():
    """The page on numerics has the largest of the bounds that activations.pxi states and test_activations.py holds."""
    table = (ROOT / "src/cyrnn/kernels/activations.pxi").read_text(encoding="utf-8")
    rows = re.findall(r"^ +(?:exp|tanh|sigmoid) +([\d.]+) \(([\d.]+)\) +([\d.]+) \(([\d.]+)\)$", table, re.MULTILINE)
    assert len(rows) == 3
    with_fma = max(float(number) for row in rows for number in row[::2])
    baseline = max(float(number) for row in rows for number in row[1::2])
    figures = {page: re.findall(r"([\d.]+) ULP", text_of(page)) for page in PAGES}
    assert [float(figure) for figure in figures.pop("docs/explanation/numerics.md")] == [with_fma, baseline]
    figures |= {
        path.relative_to(ROOT).as_posix(): re.findall(r"([\d.]+) ULP", path.read_text(encoding="utf-8"))
        for path in (ROOT / "src").rglob("*.py")
    }
    assert {page: found for page, found in figures.items() if found} == {}
