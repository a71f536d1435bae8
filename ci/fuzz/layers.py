"""The oracle of nn: torch's layers in float64, forward and backward, from the equations of tests/support alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradients
import numpy as np
import oracle

#: cell -> torch's order of its gates, in the notebook's letters
GATES = {"lstm": "ifco", "gru_after": "rzc"}


class Step(NamedTuple):
    t: int
    on: Any  # (N,): which sequences have this step
    x: Any  # (features, N)
    before: list[Any]  # each state, (n, N)


def cell_of(model: Any) -> str:
    kind = type(model).__name__.removesuffix("Cell")
    return {"LSTM": "lstm", "GRU": "gru_after"}.get(kind) or ("rnn" if model.nonlinearity == "tanh" else "rnn_relu")


def _parameters(name: str, W_ih: Any, W_hh: Any, b_ih: Any, b_hh: Any) -> dict[str, Any]:
    """The notebook's parameters of one sublayer."""
    if name.startswith("rnn"):
        return {"Wax": W_ih, "Waa": W_hh, "ba": (b_ih + b_hh)[:, None]}
    found, n = {}, len(W_ih) // len(GATES[name])
    for k, gate in enumerate(GATES[name]):
        rows = slice(k * n, (k + 1) * n)
        found[f"W{gate}"] = np.concatenate([W_hh[rows], W_ih[rows]], axis=1)
        inside = name == "gru_after" and gate == "c"  # the bias of the hidden state is inside a product
        found[f"b{gate}"] = (b_ih[rows] if inside else b_ih[rows] + b_hh[rows])[:, None]
        if inside:
            found["bca"] = b_hh[rows][:, None]
    return found


def _torch(name: str, d: dict[str, Any], n_h: int) -> list[Any]:
    """The gradients of weight_ih, weight_hh, bias_ih, bias_hh from those of the notebook's parameters."""
    if name.startswith("rnn"):
        return [d["Wax"], d["Waa"], d["ba"][:, 0], d["ba"][:, 0]]
    order = GATES[name]
    both = np.concatenate([d[f"W{gate}"] for gate in order])
    b_ih = np.concatenate([d[f"b{gate}"] for gate in order])[:, 0]
    b_hh = np.concatenate([d.get(f"b{gate}a", d[f"b{gate}"]) for gate in order])[:, 0]
    return [both[:, n_h:], both[:, :n_h], b_ih, b_hh]


class Layers:
    """A model's layers, run forward once and back once."""

    def __init__(self, model: Any) -> None:
        self.name, self.directions = cell_of(model), 2 if getattr(model, "bidirectional", False) else 1
        weights = {key: value.astype(np.float64) for key, value in model.state_dict().items()}
        ends = [key.removeprefix("weight_ih") for key in weights if key.startswith("weight_ih")]
        self.suffixes, self.weights, self.sublayers = ends, weights, []
        for end in ends:
            W_ih, W_hh = weights[f"weight_ih{end}"], weights[f"weight_hh{end}"]
            biases = [weights.get(f"bias_{half}{end}", np.zeros(len(W_ih))) for half in ("ih", "hh")]
            self.sublayers.append((_parameters(self.name, W_ih, W_hh, *biases), weights.get(f"weight_hr{end}")))
        self.tapes: list[list[Step]] = []

    def forward(self, x: Any, states: list[Any], lengths: Any) -> tuple[Any, list[Any]]:
        """Return the output (L, N, D * H_out) and the last states (S, N, n), from x (L, N, F)."""
        step, lasts = oracle.EQUATIONS[self.name][0], [state.copy() for state in states]
        L, N, _ = x.shape
        for i, (p, W_hr) in enumerate(self.sublayers):
            direction = i % self.directions
            if not direction:
                below, outputs = x, []
            now, tape = [state[i].T for state in states], []
            hidden = np.zeros((L, N, states[0].shape[2]))
            for t in reversed(range(L)) if direction else range(L):
                on = lengths > t
                tape.append(Step(t, on, below[t].T, now))
                after = list(step(p, below[t].T, *now))
                if W_hr is not None:
                    after[0] = W_hr @ after[0]
                now = [np.where(on, new, old) for new, old in zip(after, now, strict=True)]
                hidden[t, on] = now[0].T[on]
            self.tapes.append(tape)
            for last, value in zip(lasts, now, strict=True):
                last[i] = value.T
            outputs.append(hidden)
            if direction == self.directions - 1:
                x = np.concatenate(outputs, axis=2)
        return x, lasts

    def backward(self, d_output: Any, d_states: list[Any]) -> tuple[Any, list[Any], dict[str, Any]]:
        """Return the gradients of x, of the first states and of the weights."""
        found: dict[str, Any] = {}
        initial = [np.zeros_like(d) for d in d_states]
        n_h = d_states[0].shape[2]
        for first in reversed(range(0, len(self.sublayers), self.directions)):
            d_below = 0.0
            for i in range(first, first + self.directions):
                own = d_output[:, :, (i - first) * n_h :][:, :, :n_h]
                dx, d_first, weights = self._back(i, own, [d[i].T for d in d_states])
                d_below = d_below + dx
                for d, value in zip(initial, d_first, strict=True):
                    d[i] = value.T
                found |= weights
            d_output = d_below
        return d_output, initial, {name: found[name] for name in self.weights}

    def _back(self, i: int, d_hidden: Any, d: list[Any]) -> tuple[Any, list[Any], dict[str, Any]]:
        (p, W_hr), tape, chain = self.sublayers[i], self.tapes[i], gradients.CHAIN[self.name]
        step, end = oracle.EQUATIONS[self.name][0], self.suffixes[i]
        dx = np.zeros((*d_hidden.shape[:2], self.weights[f"weight_ih{end}"].shape[1]))
        total = {key: np.zeros_like(value) for key, value in p.items()}
        dW_hr = None if W_hr is None else np.zeros_like(W_hr)
        for t, on, x, before in reversed(tape):
            incoming = [np.where(on, value, 0) for value in d]
            incoming[0] = np.where(on, incoming[0] + d_hidden[t].T, 0)
            if W_hr is not None:
                dW_hr += incoming[0] @ step(p, x, *before)[0].T
                incoming[0] = W_hr.T @ incoming[0]
            d_x, d_before, weights = chain(p, x, before, incoming)
            dx[t] = d_x.T
            d = [np.where(on, new, old) for new, old in zip(d_before, d, strict=True)]
            total = {key: value + weights[key] for key, value in total.items()}
        names = [f"{part}{end}" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        found = dict(zip(names, _torch(self.name, total, d_hidden.shape[2]), strict=True))
        return dx, d, found if dW_hr is None else found | {f"weight_hr{end}": dW_hr}
