"""What tests of the commands share: texts that are made here, and a run of a command within this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from cyrnn import __main__ as program

ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
ONES += " eighteen nineteen"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
#: a model that is trained in a moment
SMALL = ("--units", "12", "--layers", "2", "--batch", "4", "--T", "16", "--epochs", "3", "--lr", "0.01")


def in_words(number: int) -> str:
    """Return a number below a thousand in English."""
    if number >= 100:
        rest = in_words(number % 100) if number % 100 else ""
        return f"{ONES.split()[number // 100]} hundred {rest}".rstrip()
    if number >= 20:
        return TENS.split()[number // 10 - 2] + (f"-{ONES.split()[number % 10]}" if number % 10 else "")
    return ONES.split()[number]


def numbers(count: int) -> str:
    """Return a text of lines with successive numbers."""
    return "".join(f"{in_words(number)}\n" for number in range(1, count + 1))


def written(path: Path, text: str | bytes) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def run(*words: object) -> int:
    """Run `python -m cyrnn` with these words; return its status, that of argparse, too."""
    try:
        return program.main([str(word) for word in words])
    except SystemExit as ended:
        return int(ended.code or 0)


def refusal(capsys: pytest.CaptureFixture[str], *words: object, status: int = 2) -> str:
    """Return the one line that a command writes to stderr where it refuses; nothing is on stdout."""
    assert run(*words) == status
    out, err = capsys.readouterr()
    assert out == ""
    begin = f"python -m cyrnn {words[0]}: "
    assert err.startswith(begin)
    assert err.count("\n") == 1
    return err.removeprefix(begin).removesuffix("\n")
