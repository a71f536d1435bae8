"""Prepared layers: the operators with their weights packed once, for many calls; forward, and backward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .. import calls
from .._convert import contiguous, native
from ..calls import stack
from ..calls.quantized import Quantized
from ..cells import CELLS
from ..cells.spec import Array
from ..weights import orders
from ..weights.scaled import Scaled, matrices
from . import _check
from .attributes import DIRECTIONS, directions, with_defaults


class Tape(NamedTuple):
    """A forward pass, for `backward`."""

    layer: Layer
    records: list[Any]
    output_shape: tuple[int, ...]


class Layer:
    """What the three operators have in common."""

    _operator: ClassVar[str]
    _names: ClassVar[tuple[str, ...]]  # of the states
    #: initial states that a file has, for calls that are given none
    initial: tuple[Any, ...] = ()
    #: W_x and W_a of each direction, where they are integers
    _integers: list[tuple[Quantized, Quantized]] | None = None

    def _prepare(self, W: Any, R: Any, B: Any, P: Any, given: Mapping[str, Any]) -> None:
        """Check the weights of all directions, and pack them."""
        function, attributes = f"onnx.{self._operator}", with_defaults(self._operator, given)
        self._directions = directions(self._operator, attributes, P is not None)
        self._batch_first = _check.flag(function, "layout", attributes["layout"])
        self._order = orders.ORDERS["onnx"][self._operator.lower()]
        D, G = len(self._directions), len(self._order)
        axes = ("num_directions", f"{G} * hidden_size")
        if isinstance(W, Scaled):
            _check.of_shape(function, "W", W, (*axes, "input_size"), (D, None, None))
            _check.of_shape(function, "R", R, (*axes, "hidden_size"), (D, W.shape[1], None))
        else:
            W = _check.weight(function, "W", W, (*axes, "input_size"), (D, None, None))
            R = _check.weight(function, "R", R, (*axes, "hidden_size"), (D, W.shape[1], None), W.dtype)
        n = self.hidden_size = R.shape[2]
        _check.gates(function, W, G, n)
        _check.hidden_size(function, attributes["hidden_size"], n)
        self.input_size, self.dtype = W.shape[2], W.dtype.newbyteorder("=")
        self._computed = np.dtype(np.float64 if self.dtype == np.float64 else np.float32)
        self._converts = self.dtype != self._computed
        if B is not None:
            B = _check.weight(function, "B", B, (axes[0], f"{2 * G} * hidden_size"), (D, 2 * G * n), W.dtype)
        if P is not None:
            P = _check.weight(function, "P", P, (axes[0], "3 * hidden_size"), (D, 3 * n), W.dtype)
        if isinstance(W, Scaled):
            found = matrices(*W.directions(), *R.directions())
            self._integers = list(zip(found[:D], found[D:], strict=True))
            W = R = None
        weights = {name: value for name, value in (("W", W), ("R", R), ("B", B), ("P", P)) if value is not None}
        self._shapes = {name: value.shape for name, value in weights.items()}
        sublayers = [self._sublayer(d, {name: value[d] for name, value in weights.items()}) for d in range(D)]
        self._sublayers = tuple(sublayers)

    def _sublayer(self, d: int, weights: dict[str, Array]) -> Any:
        """Pack the weights of one direction; their rows stay in the operator's order."""
        part, D, n, dtype = self._directions[d], len(self._directions), self.hidden_size, self._computed
        cell = CELLS[part.cell]
        blocks = orders.blocks(cell, self._order)
        W_x, W_a = self._integers[d] if self._integers else (kept(weights[name], dtype) for name in "WR")
        b_x = b_a = None
        if "B" in weights:
            b_x, b_a = np.split(native(weights["B"], dtype), 2)
        b = stack.biases(cell, blocks, b_x, b_a, n, dtype)
        variant = None
        if cell.stages_of is not None:
            variant = part.variant
            if "P" in weights:
                P = native(weights["P"], dtype).reshape(3, n)[: len(cell.peepholes)]
                variant = variant._replace(peepholes=np.array(P, order="C"))
        return calls.of(cell).sublayer(W_x, W_a, b, None, blocks, d, D, D, False, variant, part.reverse)

    def _call(
        self, X: Any, sequence_lens: Any, states: tuple[Any, ...], records: list[Any] | None = None
    ) -> tuple[Any, ...]:
        """Run the operator; its outputs, as it has them."""
        if self.initial:
            states = tuple([own if state is None else state for state, own in zip(states, self.initial, strict=True)])
        found = self._as_given(X, sequence_lens, states, records)
        if found is None:
            if records:  # of an attempt that the other direction refused
                records.clear()
            x, lengths, hx = self._plain(X, sequence_lens, states)
            found = stack.forward(
                self._sublayers, len(self._directions), x, hx, self._batch_first, lengths, None, records
            )
        output, last = found  # type: ignore[misc]  # plain arrays are taken
        if len(self._directions) == 1:  # one index: 0.5 us less than reshape and transpose
            Y = output[:, :, None] if self._batch_first else output[:, None]
        else:
            Y = output.reshape(*output.shape[:2], 2, self.hidden_size)
            Y = Y if self._batch_first else Y.transpose(0, 2, 1, 3)
        outputs = (Y, *last) if type(last) is tuple else (Y, last)
        if self._batch_first:
            outputs = (Y, *[state.swapaxes(0, 1) for state in outputs[1:]])
        return tuple([self._given(value) for value in outputs]) if self._converts else outputs

    def _as_given(
        self, X: Any, sequence_lens: Any, states: tuple[Any, ...], records: list[Any] | None
    ) -> tuple[Any, Any] | None:
        """Run the operator on plain arrays: output and states; None where one is none, or does not fit."""
        if type(X) is not np.ndarray or X.ndim != 3 or self._converts:
            return None
        batch_first, D, lengths, hx = self._batch_first, len(self._directions), None, None
        m, T = X.shape[:2] if batch_first else X.shape[1::-1]
        if sequence_lens is not None:
            lengths = calls.lengths(sequence_lens, T, m)
            if lengths is None:
                return None
        if states[0] is not None or states[-1] is not None:
            found = []
            for state in states:
                if state is None:
                    state = np.zeros((D, m, self.hidden_size), self._computed)
                elif type(state) is not np.ndarray or state.ndim != 3:
                    return None
                elif batch_first:
                    state = state.swapaxes(0, 1)
                found.append(state)
            hx = found[0] if len(found) == 1 else tuple(found)
        return stack.forward(self._sublayers, D, X, hx, batch_first, lengths, None, records)

    def _given(self, value: Array) -> Array:
        """Return a result in the dtype of the operator."""
        return value.astype(self.dtype) if self._converts else value

    def _state(self, state: Array) -> Array:
        """Exchange the axes of directions and batch where the layout says so."""
        return state.swapaxes(0, 1) if self._batch_first else state

    def _plain(self, X: Any, sequence_lens: Any, states: tuple[Any, ...]) -> tuple[Array, Any, Any]:
        """Return the inputs as compiled calls take them, or say what is wrong with one."""
        function, D = f"onnx.{self._operator}", len(self._directions)
        axes = ["batch_size", "seq_length"] if self._batch_first else ["seq_length", "batch_size"]
        x = _check.weight(function, "X", X, (*axes, "input_size"), (None, None, self.input_size), self.dtype)
        T, m = x.shape[1::-1] if self._batch_first else x.shape[:2]
        shape = (m, D, self.hidden_size) if self._batch_first else (D, m, self.hidden_size)
        found = []
        for name, given in zip(self._names, states, strict=True):
            if given is None:
                found.append(np.zeros((D, m, self.hidden_size), self._computed))
            else:
                value = _check.weight(function, f"initial_{name}", given, self._axes_of_states(), shape, self.dtype)
                found.append(native(self._state(value), self._computed))
        lengths = None
        if sequence_lens is not None:
            lengths = calls.lengths(_check.lengths(function, sequence_lens, T, m), T, m)
        hx = tuple(found) if len(found) > 1 else found[0]
        return native(x, self._computed), lengths, hx

    def _axes_of_states(self) -> tuple[str, ...]:
        names = ("batch_size", "num_directions") if self._batch_first else ("num_directions", "batch_size")
        return (*names, "hidden_size")

    def _axes_of_Y(self) -> tuple[str, ...]:
        if self._batch_first:
            return ("batch_size", "seq_length", "num_directions", "hidden_size")
        return ("seq_length", "num_directions", "batch_size", "hidden_size")

    def _forward(self, X: Any, sequence_lens: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
        if self._integers:
            _check.no_backward(f"onnx.{self._operator}.forward", self)
        records: list[Any] = []
        outputs = self._call(X, sequence_lens, states, records)
        return *[value.copy() for value in outputs], Tape(self, records, outputs[0].shape)

    def _backward(self, tape: Tape, dY: Any, d_states: tuple[Any, ...]) -> dict[str, Array]:
        """Return the gradients of all inputs of the operator that were given, by their names."""
        function, D, n = f"onnx.{self._operator}.backward", len(self._directions), self.hidden_size
        _check.tape_of(function, tape, Tape, self)
        for part in self._directions:
            for activation in (part.variant.gate, part.variant.candidate, part.variant.output):
                _check.slope_known(function, activation.name, activation.alpha)
        d_output = None
        if dY is not None:
            dY = _check.weight(function, "dY", dY, self._axes_of_Y(), tape.output_shape, self.dtype)
            rows = dY if self._batch_first else dY.transpose(0, 2, 1, 3)
            d_output = native(rows.reshape(*rows.shape[:2], D * n), self._computed)
        m = tape.output_shape[0 if self._batch_first else 2]
        shape = (m, D, n) if self._batch_first else (D, m, n)
        d_last = []
        for name, given in zip(self._names, d_states, strict=True):
            value = None
            if given is not None:
                value = _check.weight(function, f"dY_{name}", given, self._axes_of_states(), shape, self.dtype)
                value = native(self._state(value), self._computed)
            d_last.append(value)
        d_state = tuple(d_last) if len(d_last) > 1 else d_last[0]
        gradients = stack.backward(self._sublayers, D, tape.records, d_output, d_state)
        dx, d_initial, of_weights = gradients  # type: ignore[misc]  # plain arrays are taken
        found = {"X": dx} | self._by_name(of_weights)
        d_initial = d_initial if type(d_initial) is tuple else (d_initial,)
        found |= {f"initial_{name}": self._state(d) for name, d in zip(self._names, d_initial, strict=True)}
        return {name: self._given(value) for name, value in found.items()}

    def _by_name(self, of_weights: Sequence[tuple[Array, ...]]) -> dict[str, Array]:
        """Return dW, dR, dB and dP of all directions; zero in rows that the cell does not read."""
        found = {name: np.zeros(shape, self._computed) for name, shape in self._shapes.items()}
        for d, (dW_x, dW_a, db_x, db_a, *dP) in enumerate(of_weights):
            cell = CELLS[self._directions[d].cell]
            own = np.unique(orders.blocks(cell, self._order))
            for name, gradient in (("W", dW_x), ("R", dW_a)):
                blocks = gradient.reshape(-1, self.hidden_size, gradient.shape[1])
                found[name][d].reshape(len(self._order), *blocks.shape[1:])[own] = blocks[own]
            if "B" in found:
                found["B"][d] = np.concatenate([db_x, db_a])
            if dP:
                found["P"][d, : dP[0].size] = dP[0].ravel()
        return found

    def __repr__(self) -> str:
        reverses = tuple([part.reverse for part in self._directions])
        way = next(name for name, own in DIRECTIONS.items() if own == reverses)
        weights = f", {self._integers[0][0].values.dtype} weights" if self._integers else ""
        return f"<onnx.{self._operator} {self.input_size} -> {self.hidden_size}, {way}, {self.dtype}{weights}>"


def unchanging(array: Array) -> bool:
    """Whether nobody can write to an array: its memory is that of bytes, as of what a file holds."""
    memory: Any = array
    while isinstance(memory, (np.ndarray, memoryview)):
        memory = memory.base if isinstance(memory, np.ndarray) else memory.obj
    return type(memory) is bytes


def kept(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return a plain array whose values stay: itself, if it is that already, else a copy."""
    found = contiguous(array, dtype, "C")
    return found.copy() if found is array and not unchanging(array) else found
