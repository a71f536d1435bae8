"""`python -m cyrnn`: the demo and self-check. `info`: what runs here. `train`, `sample`, `eval`: a character model."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys

import cyrnn

from .cli import commands as cli
from .cli.arguments import add_commands
from .demo import info, numbers, sentence, speed
from .demo.page import RED, Page

#: For each of the two sizes of each function: 30 rows, so about 4 seconds in all; `--quick` takes 0.1.
SECONDS, QUICK_SECONDS = 0.13, 0.002
#: What a shell reports for a program that a closed pipe has ended: 128 + SIGPIPE.
PIPE_CLOSED = 141


def main(argv: list[str] | None = None) -> int:
    words = parser().parse_args(argv)
    if words.command in cli.COMMANDS:
        return cli.run(words)
    page = Page(sys.stdout)
    if words.command == "info":
        if words.json:
            page.line(json.dumps(info.facts(), indent=2))
        else:
            info.show(page)
        return 0
    return demo(page, QUICK_SECONDS if words.quick else SECONDS)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m cyrnn",
        description="Run the notebook's own job and its backward pass, check every number that was printed, and "
        "measure the speed-up over plain NumPy. Exits with 1 if a number is wrong.",
    )
    top.add_argument("--version", action="version", version=f"cyrnn {cyrnn.__version__}")
    top.add_argument("--quick", action="store_true", help="measure for a moment only: rough speed-ups")
    commands = top.add_subparsers(dest="command", metavar="command")
    what = "show versions, CPU features, chosen ISA and thread count"
    about = commands.add_parser("info", help=what, description=what[0].upper() + what[1:] + ".")
    about.add_argument("--json", action="store_true", help="as JSON")
    add_commands(commands)
    return top


def demo(page: Page, seconds: float) -> int:
    known = info.facts()
    page.line(f"cyrnn {known['cyrnn']}, Python {known['python']}, NumPy {known['numpy']}")
    page.line(f"{known['cpu'][:45]}, ISA {known['isa']}, threads {known['threads']}")
    if known["isa"] == "reference":
        page.line("These are the readable NumPy twins of the kernels: right, and slow on purpose.")
    numbers.show(page)
    sentence.show(page)
    speed.show(page, seconds)
    page.line()
    if page.wrong:
        page.line(f"{page.painted('WRONG', RED)}: {page.wrong} of {page.right + page.wrong} checks failed.")
        return 1
    page.line(f"All {page.right} checks are {page.word(True).strip()}.")
    return 0


def run() -> int:
    """`main`, ended quietly where the reader of a pipe has gone: `python -m cyrnn | head`."""
    try:
        status = main()
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EINVAL):  # EINVAL is what Windows says
            raise
        # The interpreter flushes stdout once more at exit: give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return status


if __name__ == "__main__":
    sys.exit(run())
