"""README.md keeps its word: its Python blocks run in order, and a `text` block after one is its output."""

from __future__ import annotations

import contextlib
import io
import re

import numpy as np
import pytest
from paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def random_stream():
    """Give the global stream back as it was: README seeds it, as the notebook does."""
    state = np.random.get_state()  # noqa: NPY002 - the notebook's stream is the legacy one
    yield
    np.random.set_state(state)  # noqa: NPY002 - as above


@pytest.mark.usefixtures("random_stream")
def test_readme_blocks_run_and_print_what_is_shown():
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


@pytest.mark.parametrize("command", ["pip install . && python -m cyrnn", "pip install '.[test]' && pytest"])
def test_readme_has_the_command_on_a_line_of_its_own(command):
    assert command in README.splitlines()


def test_readme_table_stands_between_its_markers():
    start, end = README.index("<!-- speed-up: begin -->"), README.index("<!-- speed-up: end -->")
    table = README[start:end]
    for function in ("sigmoid", "tanh", "softmax", "rnn_cell", "rnn", "lstm_cell", "lstm"):
        name = function if function in ("sigmoid", "tanh", "softmax") else function + "_forward"
        assert table.count(f"| `{name}` |") == 2


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_pages_link_to_files_that_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in target]
    assert [target for target in targets if not (ROOT / target).exists()] == []
