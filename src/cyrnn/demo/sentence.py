"""The notebook's sentence, which it encodes and never runs: one word a time step through lstm_forward."""

from __future__ import annotations

import numpy as np

from .. import notebook
from ..cells.spec import Array
from ..kernels import dispatch
from . import plain
from .cases import draw_from
from .page import Page

SENTENCE = "ChatGPT is a powerful a language model"
n_a = 5
#: sums of 11 terms in another order differ far below the digits that are shown
TOLERANCE = 1e-9


def show(page: Page) -> None:
    words = SENTENCE.split()
    vocabulary = list(dict.fromkeys(words))  # in order of appearance: a set() changes from run to run
    x = one_hot(words, vocabulary)
    n_x, m, T_x = x.shape
    parameters = weights(n_x)
    a0 = np.zeros((n_a, m))
    a, y, _, _ = notebook.lstm_forward(x, a0, parameters)

    page.heading("The notebook's sentence", f"lstm_forward: T_x = {T_x}, n_x = {n_x}, n_a = {n_a}, m = {m}")
    page.line(f'"{SENTENCE}": one column of x per word,')
    page.line("with a 1 at its place in the vocabulary. The weights are random (seed 1), not")
    page.line("trained: the arithmetic is real, the guess at the next word is not.")
    page.line()
    page.line("  t  word      one-hot        a, first three of five        next word?      y")
    for t, word in enumerate(words):
        bits = " ".join(f"{bit:.0f}" for bit in x[:, 0, t])
        state = " ".join(f"{number:+.5f}" for number in a[:3, 0, t])
        guess = int(y[:, 0, t].argmax())
        page.line(f"  {t}  {word:<8}  {bits}    {state}    {vocabulary[guess]:<10}  {y[guess, 0, t]:.3f}")
    page.line()
    check(page, x, a0, parameters, a, y)
    gru = weights(n_x, "zrc") | {"bca": draw_from(2)(n_a, 1)}
    for reset_after in (False, True):
        check_gru(page, x, a0, gru, reset_after)
    first, second = (t for t, word in enumerate(words) if word == "a")
    apart = float(abs(a[:, 0, first] - a[:, 0, second]).max())
    page.line()
    page.line(f'  The word "a" is the same column of x at t = {first} and at t = {second}. Its hidden state')
    page.line(f"  differs by up to {apart:.3f}: the LSTM remembers what came before.")


def one_hot(words: list[str], vocabulary: list[str]) -> Array:
    """The words as x of shape (n_x, m, T_x) = (size of the vocabulary, 1, number of words)."""
    x = np.zeros((len(vocabulary), 1, len(words)))
    for t, word in enumerate(words):
        x[vocabulary.index(word), 0, t] = 1
    return x


def weights(n_x: int, gates: str = "fico") -> dict[str, Array]:
    """Seeded weights; the prediction is over the vocabulary, so n_y = n_x."""
    draw = draw_from(1)
    parameters = {}
    for gate in gates:
        parameters["W" + gate] = draw(n_a, n_a + n_x)
        parameters["b" + gate] = draw(n_a, 1)
    return {**parameters, "Wy": draw(n_x, n_a), "by": draw(n_x, 1)}


def check(page: Page, x: Array, a0: Array, parameters: dict[str, Array], a: Array, y: Array) -> None:
    a_plain, y_plain, _, _ = plain.lstm_forward(x, a0, parameters)
    same = close(a, a_plain) and close(y, y_plain)
    page.verdict(same, f"a and y agree with plain NumPy to {TOLERANCE:g}")

    # The reference takes its sums in NumPy's order, which depends on the shape, and so promises no bits.
    promised = dispatch.kernels.isa != "reference"
    alike, degree = (np.array_equal, "the same bits") if promised else (close, "the same numbers")
    a_next, c_next = a0, np.zeros_like(a0)
    streamed = True
    for t in range(x.shape[2]):
        a_next, c_next, yt, _ = notebook.lstm_cell_forward(x[:, :, t], a_next, c_next, parameters)
        streamed = streamed and alike(a_next, a[:, :, t]) and alike(yt, y[:, :, t])
    page.verdict(streamed, f"word by word through lstm_cell_forward gives {degree}")


def check_gru(page: Page, x: Array, a0: Array, parameters: dict[str, Array], reset_after: bool) -> None:
    """The same sentence through a GRU, whole and word by word."""
    form = {"reset_after": reset_after}
    a, y, _ = notebook.gru_forward(x, a0, parameters, **form)
    a_plain, y_plain, _ = plain.gru_forward(x, a0, parameters, **form)
    promised = dispatch.kernels.isa != "reference"  # as above
    alike = np.array_equal if promised else close
    a_next, right = a0, close(a, a_plain) and close(y, y_plain)
    for t in range(x.shape[2]):
        a_next, yt, _ = notebook.gru_cell_forward(x[:, :, t], a_next, parameters, **form)
        right = right and alike(a_next, a[:, :, t]) and alike(yt, y[:, :, t])
    page.verdict(right, f"gru_forward, reset {'after' if reset_after else 'before'} the product: both hold, too")


def close(left: Array, right: Array) -> bool:
    return np.allclose(left, right, rtol=0, atol=TOLERANCE)
