"""Calls of cyrnn.nn, all arrays at the edge of their memory: like guard_cases.py, which this adds to.

    python guard_nn.py GROUP
"""

from __future__ import annotations

import os
import sys

import numpy as np
from guard_cases import LAYOUTS, check, draw, sweep
from kernel_panels import EntryPoints
from nn_models import KINDS, arrays, build, draw_state, joined, parts
from problems import DTYPES, isa_in_use

from cyrnn import nn
from cyrnn.kernels import dispatch

#: and cells that have variants: their peepholes, limits and activations
VARIANTS = {
    "peephole": ("LSTM", {"peephole": True, "clip": 1.0}),
    "coupled": ("LSTM", {"coupled": True, "peephole": True}),
    "before": ("GRU", {"reset_after": False, "activation": "elu"}),
}
OPTIONS = ({}, {"num_layers": 2}, {"bidirectional": True}, {"batch_first": True})


def layer_calls(points, dtype) -> None:
    """A layer, a cell and a stack over whole sequences, ragged ones and steps: the ways of compiled code."""
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


def variant_calls(points, dtype) -> None:
    """The same of variants, forward with a tape, and back: peepholes are read beside the panels."""
    for kind, (name, options) in VARIANTS.items():
        for i, sizes in sweep("n_x", "n_a", "m", "T_x", each=1):
            n_x, n, m, T = sizes.values()
            model = getattr(nn, name)(n_x, n, **options, bidirectional=i % 4 == 3, dtype=dtype, rng=1)
            lengths = np.random.RandomState(i).randint(0, T + 1, m) if i % 2 else None
            x, d = draw(T, m, n_x, dtype=dtype), draw(T, m, n * (2 if model.bidirectional else 1), dtype=dtype)

            def there_and_back(x, d, *weights, model=model, lengths=lengths):
                model.load_state_dict(dict(zip(model.state_dict(), weights, strict=True)))
                output, _, tape = model.forward(x, lengths=lengths)
                gradients = model.backward(tape, d)
                return [output, gradients.input, *gradients.weights.values()]

            layout = [layout for layout in LAYOUTS if layout != "wide"][i % 4]
            check(f"{kind} {sizes}", there_and_back, x, d, *model.state_dict().values(), layout=layout)


def reset_calls(points, dtype) -> None:
    """Sequences that are reset, whole and ragged, there and back: every cell that reads or keeps other states."""
    for k, (kind, (name, options)) in enumerate({**KINDS, **VARIANTS}.items()):
        for i, sizes in sweep("n_x", "n_a", "m", "T_x", each=1):
            n_x, n, m, T = sizes.values()
            if (kind == "projected" and n < 3) or (i + k) % 3:
                continue
            model = getattr(nn, name)(n_x, n, **options, bidirectional=i % 4 > 1, dtype=dtype, rng=1)
            random = np.random.RandomState(i)
            lengths = random.randint(0, T + 1, m) if i % 2 else None
            state, to = parts(draw_state(model, m, np.random.default_rng(i))), "hx" if i // 2 % 2 else "zeros"
            x, flags = draw(T, m, n_x, dtype=dtype), random.random_sample((T, m)) < 0.4

            def there_and_back(x, flags, *state, model=model, lengths=lengths, to=to):
                given = {"lengths": lengths, "reset": flags, "reset_to": to}
                output, last, tape = model.forward(x, joined(state), **given)
                return arrays([model(x, joined(state), **given), model.backward(tape, output, last)])

            layout = [layout for layout in LAYOUTS if layout != "wide"][i % 4]
            check(f"resets {kind} {sizes} {to}", there_and_back, x, flags, *state, layout=layout)


def head_calls(points, dtype) -> None:
    """Linear layers and embeddings, whole and ragged, there and back."""
    for i, sizes in sweep("n_x", "n_y", "m", "T_x", each=1):
        n_x, n_y, m, T = sizes.values()
        linear = nn.Linear(n_x, n_y, i % 5 > 0, batch_first=i % 3 == 0, dtype=dtype, rng=1)
        embedding = nn.Embedding(7, n_y, batch_first=linear.batch_first, dtype=dtype, rng=1)
        leading = (m, T) if linear.batch_first else (T, m)
        x, d = draw(*leading, n_x, dtype=dtype), draw(*leading, n_y, dtype=dtype)
        indices = np.random.RandomState(i).randint(0, 7, leading)
        lengths = np.random.RandomState(i).randint(0, T + 1, m)

        def there_and_back(x, d, indices, *weights, linear=linear, embedding=embedding, lengths=lengths):
            found = []
            linear.load_state_dict(dict(zip(linear.state_dict(), weights, strict=True)))
            for layer, given in ((linear, x), (embedding, indices)):
                for ends in (None, lengths):
                    output, tape = layer.forward(given, lengths=ends)
                    found += [output, layer(given, lengths=ends), *arrays(layer.backward(tape, d))]
            return [*found, linear(x[0, 0]), linear(x[:, -1]), embedding(indices[0, 0])]

        layout = [layout for layout in LAYOUTS if layout != "wide"][i % 4]
        check(f"heads {sizes}", there_and_back, x, d, indices, *linear.state_dict().values(), layout=layout)


def norm_calls(points, dtype) -> None:
    """Layer normalisations with both weights, without a bias and without either, whole and ragged, there and back."""
    for i, sizes in sweep("n_x", "m", "T_x", each=3):
        n_x, m, T = sizes.values()
        affine, bias, batch_first = i % 3 < 2, i % 3 == 0, i // 3 % 2 == 0
        norm = nn.LayerNorm(n_x, elementwise_affine=affine, bias=bias, batch_first=batch_first, dtype=dtype)
        leading = (m, T) if batch_first else (T, m)
        x, d = draw(*leading, n_x, dtype=dtype), draw(*leading, n_x, dtype=dtype)[::-1]
        weights = [draw(n_x + k, dtype=dtype)[:n_x] for k in range(len(norm.state_dict()))]
        lengths = np.random.RandomState(i).randint(0, T + 1, m)

        def there_and_back(x, d, *weights, norm=norm, lengths=lengths):
            found = []
            norm.load_state_dict(dict(zip(norm.state_dict(), weights, strict=True)))
            for ends in (None, lengths):
                output, tape = norm.forward(x, lengths=ends)
                found += [output, norm(x, lengths=ends), *arrays(norm.backward(tape, d))]
            return [*found, norm(x[0, 0]), norm(x[:, -1])]

        layout = [layout for layout in LAYOUTS if layout != "wide"][i // 3 % 4]
        check(f"norm {sizes} {affine} {bias}", there_and_back, x, d, *weights, layout=layout)


CALLS = (layer_calls, variant_calls, reset_calls, head_calls, norm_calls)
GROUPS = {function.__name__: function for function in CALLS}

if __name__ == "__main__":
    for dtype in DTYPES:
        os.write(1, f"{isa_in_use()} {dtype}\n".encode())
        GROUPS[sys.argv[1]](EntryPoints(dispatch.kernels, dtype), dtype)
    os.write(1, b"done\n")
