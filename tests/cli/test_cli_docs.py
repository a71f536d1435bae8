"""docs/how_to/command.md is run as it stands, by a shell's words; its table has the defaults."""

from __future__ import annotations

import contextlib
import io
import re
import shlex

import pytest
from cli_runs import run
from paths import ROOT

from cyrnn.cli.options import DEFAULTS, OPTIONS
from cyrnn.kernels import dispatch

PAGE = (ROOT / "docs" / "how_to" / "command.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def plain(shown: str) -> str:
    """Return output without speeds, and without what a sum in another order changes, where it is in one."""
    shown = re.sub(r"[\d,]+ chars/s", "N chars/s", shown)
    return re.sub(r"\d\.\d{3}", "0.000", shown) if dispatch.kernels.isa in ("baseline", "reference") else shown


def test_page_runs_and_prints_what_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict = {"__name__": "__main__"}
    blocks, shells = BLOCK.findall(PAGE), 0
    for (kind, code), (after, shown) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            if kind == "python":
                exec(compile(code, "docs/how_to/command.md", "exec"), namespace)
            elif kind == "sh":
                shells += 1
                for line in code.splitlines():
                    python, option, name, *words = shlex.split(line)
                    assert python == "python"
                    if option == "-c":
                        exec(compile(name, "docs/how_to/command.md", "exec"), namespace)
                    else:
                        assert (option, name) == ("-m", "cyrnn")
                        assert run(*words) == 0
        sampled = "sample" in code and dispatch.kernels.isa in ("baseline", "reference")  # a digit makes another text
        if after == "text" and not sampled:
            assert plain(out.getvalue()) == plain(shown)
    assert shells == 4


def test_page_has_every_option_and_its_default():
    listed = {}
    for names, defaults in re.findall(r"^\| (`--.*?) \|(.*?)\| .* \|$", PAGE, re.MULTILINE):
        found = [default.strip("` ") for default in defaults.split(",")]
        listed |= dict(zip(re.findall(r"`--([\w-]+)`", names), found, strict=True))
    wanted = {name: f"{d:g}" if isinstance(d, float) else str(d) for name, d in DEFAULTS.items()}
    assert listed == {"out": "", "plot": "", **wanted}


@pytest.mark.parametrize("name", OPTIONS)
def test_default_of_an_option_is_one_that_is_read(name):
    assert OPTIONS[name].read(str(OPTIONS[name].default)) == OPTIONS[name].default
