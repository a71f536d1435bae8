"""The demo's end where its output cannot be written."""

from __future__ import annotations

import errno

import pytest

from cyrnn import __main__ as program


def test_error_of_the_disk_is_not_taken_for_a_pipe_that_was_closed(monkeypatch):
    def full():
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(program, "main", full)
    with pytest.raises(OSError, match="no space"):
        program.run()
