"""Each section of a page in docs/ is a program that runs; docstrings of cyrnn.nn have the form of the house."""

from __future__ import annotations

import contextlib
import inspect
import io
import re

import pytest
from docstrings import HEADING, REQUIRED, SECTIONS
from paths import ROOT

from cyrnn import nn

#: "page, title of a section" -> its text. A program begins with its section: no names from the section before.
SECTIONS_OF_PAGES = {
    f"{page.name}, {title}": text
    for page in sorted((ROOT / "docs").rglob("*.md"))
    for title, _, text in (part.partition("\n") for part in page.read_text(encoding="utf-8").split("\n## "))
}
PROGRAMS = {name: text for name, text in SECTIONS_OF_PAGES.items() if "```python" in text}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: what an example may import beside NumPy; it is skipped where that is not installed
OPTIONAL = ("dask", "g2pM", "h5py", "matplotlib", "mpi4py", "onnx", "pandas", "pyspark", "ray", "safetensors")
OPTIONAL += ("sklearn", "torch")

CLASSES = [nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell, nn.Linear, nn.Embedding]
CLASSES += [nn.LayerNorm, nn.Dropout, nn.LastStep]
NAMES = ("__call__", "step", "forward", "backward", "from_torch", "pack", "state_dict", "load_state_dict", "save")
NAMES += ("from_gates", "to_gates", "keras_weights")
METHODS = {
    f"{kind.__name__}.{name}": getattr(kind, name)
    for kind in (nn.LSTM, nn.LSTMCell, nn.Linear, nn.Embedding, nn.LayerNorm, nn.LastStep, nn.Sequential)
    for name in NAMES
    if hasattr(kind, name)
}


@pytest.mark.parametrize("title", PROGRAMS)
def test_program_runs_and_prints_what_is_shown(title, tmp_path, monkeypatch):
    for package in OPTIONAL:
        if re.search(rf"^(?:from|import) {package}\b", PROGRAMS[title], re.MULTILINE):
            pytest.importorskip(package, reason=f"{package} is not installed")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    namespace: dict = {"__name__": "__main__"}
    blocks = BLOCK.findall(PROGRAMS[title])
    for (kind, code), (after, shown) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(code, f"docs/{title}", "exec"), namespace)
            if after == "text":
                assert out.getvalue() == shown


#: page -> what its sections have to be about
WANTED = {
    "nn.md": (
        "in a file", "several lengths", "stream of frames", "agent with resets", "Training", "8 and 16",
        "Cells that torch",
    ),
    "from_pytorch.md": (".npz", ".safetensors", "in memory"),
    "ragged.md": ("same bits", "Train", "Steps", "costs"),
    "serve.md": ("threads and processes", "one batch", "each client", "latency"),
    "onnx.md": ("Files", "as a model of nn", "out of a graph"),
    "quantized.md": ("From floats to integers", "Integers from elsewhere", "Back to floats", "promised"),
    "from_keras.md": ("file", "in memory", "from the end"),
    "distributed.md": ("dask array", "Training", "Ray", "Spark"),
    "estimators.md": ("classifier", "regressor", "forecast with intervals"),
    "from_paddle.md": ("Paddle 2 or 3", "GRU of Paddle 1", "LSTM of Paddle 1"),
    "pictures.md": ("quotation marks", "vanishes", "Beside other pictures"),
    "from_arrays.md": ("letters", "framework", "for each gate", "Peepholes"),
}


@pytest.mark.parametrize("page", WANTED)
def test_page_has_what_it_has_to(page):
    titles = [title for title in PROGRAMS if title.startswith(f"{page}, ")]
    assert [word for word in WANTED[page] if not any(word in title for title in titles)] == []


def test_page_of_nn_leads_to_the_pages_of_other_frameworks():
    table = next(text for title, text in SECTIONS_OF_PAGES.items() if title.startswith("nn.md, # "))
    wanted = {f"from_{name}.md" for name in ("pytorch", "keras", "paddle", "arrays")}
    assert wanted <= set(re.findall(r"\w+\.md", table))


def described(documented) -> list[str]:
    parts = HEADING.split(inspect.getdoc(documented))
    section = dict(zip(parts[1::2], parts[2::2], strict=True)).get("Parameters", "")
    lines = re.findall(r"^\**(\w+(?:, \w+)*)(?: : .*)?$", section, re.MULTILINE)
    return [name.strip() for line in lines for name in line.split(",")]


DOCUMENTED = [*CLASSES, nn.LSTM.quantize, nn.LSTM.dequantize, nn.from_torch, nn.from_state_dict, nn.from_keras, nn.load]
DOCUMENTED += [*METHODS.values(), nn.Sequential.quantize, nn.Sequential.dequantize]


@pytest.mark.parametrize("documented", DOCUMENTED, ids=lambda d: d.__qualname__)
def test_docstring_has_its_sections_and_every_argument(documented):
    headings = HEADING.findall(inspect.getdoc(documented))
    assert headings == [section for section in SECTIONS if section in headings]
    names = [name for name in inspect.signature(documented).parameters if name != "self"]
    assert sorted(described(documented)) == sorted(names)
    required = set(REQUIRED) if names else {"Raises"}
    if documented in CLASSES:
        required -= {"Returns"}
    if documented.__name__ in ("from_torch", "load_state_dict") and documented is not nn.from_torch:
        required -= {"Examples"}  # that of the function
    if inspect.signature(documented).return_annotation == "None":
        required -= {"Returns"}
    if documented is nn.LSTMCell.__call__:
        required -= {"Examples"}  # that of the class
    assert required <= set(headings)
