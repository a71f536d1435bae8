"""Layers of integer weights, all arrays at the edge of their memory: like guard_cases.py, which this adds to.

    python guard_integers.py GROUP
"""

from __future__ import annotations

import os
import sys

import numpy as np
from guard_cases import LAYOUTS, check, draw, sweep
from integers import PLAIN, WIDTHS, Layer, inputs, layer
from problems import isa_in_use

from cyrnn import calls
from cyrnn.calls.quantized import Quantized

FLOAT32 = np.dtype(np.float32)


def arrays_of(one: Layer) -> list[np.ndarray]:
    """Every array of a layer's weights."""
    matrices = [W for W in (one.W_x, one.W_a, one.W_hr) if W is not None]
    peepholes = [] if one.variant is None or one.variant.peepholes is None else [one.variant.peepholes]
    return [*(array for W in matrices for array in W), one.b, *peepholes]


def made_of(one: Layer, arrays: tuple[np.ndarray, ...]) -> Layer:
    """The layer with other arrays, in that order."""
    given = iter([np.ascontiguousarray(value) for value in arrays])
    W_x, W_a = (Quantized(next(given), next(given)) for _ in range(2))
    W_hr = None if one.W_hr is None else Quantized(next(given), next(given))
    b, rest = next(given), list(given)
    return one._replace(
        W_x=W_x, W_a=W_a, W_hr=W_hr, b=b, variant=one.variant._replace(peepholes=rest[0]) if rest else one.variant
    )


def parts(states) -> tuple:
    return states if isinstance(states, tuple) else (states,)


def results(one: Layer, x: np.ndarray, states: tuple, lengths, *, batch_first: bool) -> list[np.ndarray]:
    """Of whole sequences, of a ragged batch, of one step and, as weights of another direction, in reverse."""
    found = []
    hx, now = (tuple(value[None] for value in states), states) if len(states) > 1 else (states[0][None], states[0])
    for sublayer in (one.sublayer(), one.sublayer(1, 2, 2)):
        initial = hx if sublayer.index == 0 else None
        for ends in (None, calls.lengths(list(lengths), x.shape[batch_first], x.shape[1 - batch_first])):
            output, last = sublayer.forward(x, initial, batch_first, ends)
            own = slice(output.shape[2] // (1 + sublayer.index) * sublayer.index, None)
            found += [output[:, :, own], *(value[sublayer.index] for value in parts(last))]
    if one.W_hr is None:
        found += parts(one.sublayer(single_step=True).forward(x[:, 0] if batch_first else x[0], now)[1])
    return found


def integer_layers() -> None:
    for kind in PLAIN:
        for width in WIDTHS:
            for i, sizes in sweep("n_x", "n_a", "m", "T_x", each=1):
                n_x, n, m, T = sizes.values()
                one = layer(kind, width, n_x, n, seed=i, kinds=PLAIN)
                lengths, batch_first = np.random.RandomState(i).randint(0, T + 1, m).tolist(), i % 3 == 0
                x = draw(m, T, n_x, dtype=FLOAT32) if batch_first else inputs(T, m, n_x)
                states = one.states(m)

                def call(x, *others, one=one, lengths=lengths, batch_first=batch_first):
                    count = len(one.sizes)
                    return results(made_of(one, others[count:]), x, others[:count], lengths, batch_first=batch_first)

                layout = [layout for layout in LAYOUTS if layout != "wide"][i % 4]
                check(f"{kind} {width} {sizes}", call, x, *states, *arrays_of(one), layout=layout)


def interleaved_integers() -> None:
    """One column, many weights and many steps: kernels/integer_interleaved.pxi."""
    for kind in ("tanh", "lstm", "coupled", "gru", "after"):
        for width in WIDTHS:
            for n_x, T in ((97, 21), (300, 14), (301, 25)):
                one = layer(kind, width, n_x, 530 if kind == "tanh" else 301, kinds=PLAIN)

                def call(x, *weights, one=one):
                    return [one.sublayer().forward(x)[0], made_of(one, weights).sublayer().forward(x)[0]]

                check(f"{kind} {width} {n_x} {T}", call, inputs(T, 1, n_x), *arrays_of(one))


GROUPS = {function.__name__: function for function in (integer_layers, interleaved_integers)}

if __name__ == "__main__":
    os.write(1, f"{isa_in_use()}\n".encode())
    GROUPS[sys.argv[1]]()
    os.write(1, b"done\n")
