"""Calls of cyrnn.nn, all arrays at the edge of their memory: like guard_cases.py, which this adds to.

    python guard_nn.py GROUP
"""

from __future__ import annotations

import os
import sys

import numpy as np
from guard_cases import LAYOUTS, check, draw, sweep
from nn_models import KINDS, arrays, build, draw_state, joined, parts
from problems import DTYPES, isa_in_use

from cyrnn.kernels import dispatch

OPTIONS = ({}, {"num_layers": 2}, {"bidirectional": True}, {"batch_first": True})


def layer_calls(kernels, dtype) -> None:
    """A layer, a cell and a stack over whole sequences, ragged ones and steps: the paths of compiled code."""
    for kind in KINDS:
        for i, sizes in sweep("n_x", "n_a", "m", "T_x", each=1):
            n_x, n, m, T = sizes.values()
            if (kind == "projected" and n < 3) or (kind not in ("lstm", "gru") and i % 4):
                continue
            options = OPTIONS[i // 4 % 4]
            model = build(kind, dtype, n_x, n, **options)
            lengths = np.random.RandomState(i).randint(0, T + 1, m)
            state = parts(draw_state(model, m, np.random.default_rng(i)))
            x = draw(m, T, n_x, dtype=dtype) if model.batch_first else draw(T, m, n_x, dtype=dtype)
            name = f"{kind} {sizes} {options}"

            def whole(x, *state, model=model):
                return arrays([model(x, joined(state)), model(x)])

            def ragged(x, *state, model=model, lengths=lengths):
                return arrays([model(x, joined(state), lengths=lengths), model(x, lengths=lengths)])

            def stepped(x, *state, model=model, reset=lengths > T // 2):
                x_t = x[:, 0] if model.batch_first else x[0]
                return arrays([model.step(x_t, joined(state)), model.step(x_t, joined(state), reset=reset)])

            layout = [layout for layout in LAYOUTS if layout != "wide"][i % 4]
            check(f"call {name}", whole, x, *state, layout=layout)
            check(f"ragged {name}", ragged, x, *state, layout=layout)
            if not model.bidirectional:
                check(f"step {name}", stepped, x, *state, layout=layout)


GROUPS = {function.__name__: function for function in (layer_calls,)}

if __name__ == "__main__":
    for dtype in DTYPES:
        os.write(1, f"{isa_in_use()} {dtype}\n".encode())
        GROUPS[sys.argv[1]](dispatch.kernels.of(dtype), dtype)
    os.write(1, b"done\n")
