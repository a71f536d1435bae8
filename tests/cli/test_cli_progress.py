"""Lines for a file or a pipe, a bar for a person: at 80 columns and fewer, and nothing that stays behind."""

from __future__ import annotations

import io
import sys

import pytest

from cyrnn.cli import progress
from cyrnn.cli.progress import Progress

MEASURES = "train 2.345 bits/char  123,456 chars/s"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen(written: str) -> list[str]:
    """What a terminal shows: a carriage return goes to the begin of the line, where letters replace others."""
    lines: list[str] = []
    for line in written.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def a_terminal(monkeypatch) -> Terminal:
    """Put a terminal in the place of both streams. No fixture: pytest gives both back to itself before the call."""
    monkeypatch.setattr(progress, "EVERY", 0)
    monkeypatch.setenv("COLUMNS", "80")
    both = Terminal()
    monkeypatch.setattr(sys, "stdout", both)
    monkeypatch.setattr(sys, "stderr", both)
    return both


@pytest.mark.parametrize("columns", [200, 80, 60, 40, 12])
def test_bar_leaves_the_last_column_free(monkeypatch, columns):
    terminal = a_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", str(columns))
    Progress().show("epoch  3/20", 0.456, MEASURES)
    (line,) = screen(terminal.getvalue())
    assert len(line) < columns
    if columns >= 80:
        filled, empty = ("#" * 13, "." * 17) if columns == 200 else ("#" * 8, "." * 10)
        assert line.startswith(f"epoch  3/20 [{filled}")
        assert line.endswith(f"{empty}]  46%  {MEASURES}")
    else:
        assert line == f"epoch  3/20  46%  {MEASURES}"[: columns - 1]


def test_line_takes_the_place_of_the_bar(monkeypatch):
    terminal = a_terminal(monkeypatch)
    shown = Progress()
    shown.show("epoch 1/2", 0.5, MEASURES)
    shown.show("epoch 1/2", 0.9, "short")
    shown.line("epoch 1/2 is over")
    shown.line("the end")
    shown.clear()
    assert screen(terminal.getvalue()) == ["epoch 1/2 is over", "the end", ""]
    assert "\033" not in terminal.getvalue()


def test_bar_is_drawn_ten_times_a_second(monkeypatch):
    terminal = a_terminal(monkeypatch)
    monkeypatch.setattr(progress, "EVERY", 60)
    shown = Progress()
    for done in (0.1, 0.2, 0.3):
        shown.show("epoch 1/2", done, MEASURES)
    assert terminal.getvalue().count("\r") == 1


def test_without_a_terminal_there_are_lines_alone(monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY", 0)
    shown = Progress()
    shown.show("epoch 1/2", 0.5, MEASURES)
    shown.line("epoch 1/2 is over")
    assert capsys.readouterr() == ("epoch 1/2 is over\n", "")


def test_terminal_that_was_closed_ends_no_training(monkeypatch):
    def closed(text):
        raise OSError(5, "Input/output error")

    terminal = a_terminal(monkeypatch)
    monkeypatch.setattr(terminal, "write", closed)
    shown = Progress()
    shown.show("epoch 1/2", 0.5, MEASURES)
    shown.show("epoch 1/2", 0.6, MEASURES)


def test_program_without_stderr_has_no_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    shown = Progress()
    shown.show("epoch 1/2", 0.5, MEASURES)
    shown.line("epoch 1/2 is over")
    assert capsys.readouterr().out == "epoch 1/2 is over\n"
