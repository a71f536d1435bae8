"""A table of errors as a test: what is done -> the class of the error and all of its sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

#: what a quantised model of int8 weights says to whoever trains it
NOT_TRAINED = (
    "the model has int8 weights, which are not trained: train in float32, then quantise; dequantize() of it is of "
    "floats"
)


def each_of(sentences: Mapping[str, tuple[Callable[[], object], type[Exception], str]]) -> Any:
    """Return a test of every row of a table."""

    @pytest.mark.parametrize("what", sentences)
    def test_error_says_what_was_got_and_wanted(what):
        do, kind, said = sentences[what]
        with pytest.raises(kind) as caught:
            do()
        assert str(caught.value) == said, str(caught.value)  # which pytest does not show from this folder

    return test_error_says_what_was_got_and_wanted
