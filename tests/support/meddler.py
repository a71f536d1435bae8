"""Whoever changes arrays while a call runs, at moments made to order."""

from __future__ import annotations

import sys
import warnings
from contextlib import contextmanager

import numpy as np

from cyrnn.calls import threads
from cyrnn.calls.implementation import implementation


def c_order(array):
    """A copy that owns its memory, and whose shape can be set."""
    return np.array(array, order="C")


def unless_refused(call, sentence):
    """What a call returns, or None where it raises a ValueError that says so."""
    try:
        return call()
    except ValueError as error:
        said = str(error)
    assert sentence in said
    return None


def reshape(array, shape) -> None:
    """Set the shape in place; NumPy would rather that nobody did."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array.shape = shape


@contextmanager
def while_others_run(action):
    """Let something happen once in each call that shares its work: where the GIL is free, and any thread may do it."""

    def how(run, rows, work):
        action()
        run()

    implementation.share_above(1, how)
    try:
        yield
    finally:
        threads.set_num_threads(threads.get_num_threads())


class Key:
    """A key with the hash of another one, whose comparison does something first, as soon as it is armed."""

    def __init__(self, like, action):
        self.like, self.action, self.armed = hash(like), action, False

    def __hash__(self):
        return self.like

    def __eq__(self, other):
        if self.armed:
            self.action()
        return False


def with_key(parameters, action) -> dict:
    """The parameters behind a key that every look-up of the last one meets."""
    *_, last = parameters
    key = Key(last, action)
    found = {key: None, **parameters}
    key.armed = True
    return found


def flat(*arrays) -> None:
    for array in arrays:
        reshape(array, (array.size,))


@contextmanager
def at_lines_of(function, action):
    """Do something before each line of a function, and where it returns: action(frame, number of the line event)."""
    count = [0]

    def local(frame, event, _):
        action(frame, count[0])
        count[0] += 1
        return local

    def begin(frame, event, _):
        return local if frame.f_code is function.__code__ else None

    before = sys.gettrace()
    sys.settrace(begin)
    try:
        yield count
    finally:
        sys.settrace(before)
