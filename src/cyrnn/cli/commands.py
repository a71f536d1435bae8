"""How the commands end: with a status, and one line where something is wrong. A reader who left ends them quietly."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable

from . import _check

#: what a shell reports for a program that Ctrl-C has ended: 128 + SIGINT
INTERRUPTED = 130
COMMANDS = ("train", "sample", "eval")


def run(words: argparse.Namespace) -> int:
    """Run the command that the words name; return the status of the program."""
    try:
        status = _function(words.command)(words)  # it flushes stdout: errors of that are met here
    except _check.Refused as refused:
        return _refused(words.command, str(refused), refused.status)
    except KeyboardInterrupt:
        return INTERRUPTED
    except MemoryError:
        return _refused(words.command, _check.NO_MEMORY, _check.USAGE)
    except OSError as error:  # of stdout: all others are refused where they come up
        if error.errno in (errno.EPIPE, errno.EINVAL):  # EINVAL is what Windows says
            raise
        # the interpreter flushes stdout once more at exit: it gets somewhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _refused(words.command, _check.no_output(error), _check.USAGE)
    return status


def _function(command: str) -> Callable[[argparse.Namespace], int]:
    """Import what a command wants, and nothing for the others."""
    if command == "train":
        from .train import train

        return train
    from .sample import evaluate, sample

    return sample if command == "sample" else evaluate


def _refused(command: str, sentence: str, status: int) -> int:
    print(f"python -m cyrnn {command}: {sentence}", file=sys.stderr)
    return status
