"""The calls in NumPy, from cells/*.py: ISA "reference", to read, and to test the compiled calls against.

The interface is that of `_calls.pyx`. A sequence is a loop over its steps; nothing is packed or shared among threads.

    reference_step.py       one step of a cell, forward and backward: all the arithmetic
    reference_quantized.py  but for that of weights which are integers
    reference_batch.py      batches of nn: their axes, lengths of their own
    reference_nn.py         a layer of nn: its directions, ragged batches, a projection
    reference_training.py   losses, steps of optimizers
    reference_heads.py      a linear layer, an embedding, functions of whole arrays
    reference.py            the calls of the notebook's functions: steps, sequences, and their caches
"""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

import numpy as np

from ..cells import Cell
from ..cells.spec import Array, Arrays
from .quantized import dequantized
from .reference_batch import Tokens, lengths, resets_of, tokens
from .reference_heads import Elements, Embedding, LayerNorm, Linear
from .reference_nn import Sublayer
from .reference_quantized import Integers, has_integers, with_integers
from .reference_step import (
    Step,
    gate_weights,
    head,
    is_array,
    is_plain,
    shape_of,
    step_backward,
    step_forward,
    sum_weights,
    units,
)
from .reference_training import Training

__all__ = ["CellCalls", "DefaultEnvironment", "Elements", "Embedding", "LayerNorm", "Linear", "Panels", "Tokens",
           "Training", "begin_process", "lengths", "resets_of", "share_above", "tokens"]


class Panels(NamedTuple):
    """Parameters that are packed: here the notebook's arrays, found to fit; matrices may be Integers."""

    cell: Cell
    dtype: np.dtype[Any]
    n_x: int
    n_a: int
    n_y: int
    arrays: dict[str, Any]  # by the keys of the cell, of that dtype


class SequenceGradients(NamedTuple):
    x: Array  # (n_x, m, T)
    initial: Arrays  # (n_a, m) each, in the order of cell.states
    parameters: dict[str, Array]  # by the keys of the gates' parameters


class CellCalls:
    """The calls of one cell. `packed` is the class of parameters that are packed; tables of kernels are not read."""

    def __init__(self, cell: Cell, number: int, f32: Any, f64: Any, packed: type, integers: Any = None) -> None:
        self._cell = cell
        self._packed: Any = packed

    # ---- forward -----------------------------------------------------------------------------------------------------

    @np.errstate(all="ignore")
    def step(self, xt: Any, initial: tuple[Any, ...], parameters: Any, return_caches: Any, given: Any = None) -> Any:
        """Return (*next states, y, cache) for xt (n_x, m) and initial states (n_a, m); or None.

        `given`: (xt, initial, parameters, ...) as a caller has them, which stand in the cache.
        """
        if not is_array(xt) or xt.ndim != 2:
            return None
        arrays = self._arrays(parameters, xt.dtype, n_x=len(xt))
        if arrays is None or not all(self._is_state(state, arrays, xt) for state in initial):
            return None
        cell = self._cell
        step = step_forward(cell, gate_weights(cell, arrays, units(arrays)), xt, initial)
        y = head(arrays.get(cell.W_y), arrays.get(cell.b_y), step.next[0])
        given_xt, before, given_parameters, *_ = given or (xt, initial, parameters)
        cache = self._cache(step, given_xt, before, given_parameters) if return_caches else None
        return *step.next, y, cache

    @np.errstate(all="ignore")
    def sequence(self, x: Any, initial: tuple[Any, ...], parameters: Any, return_caches: Any, given: Any = None) -> Any:
        """Return (a, y, *other states, caches) for x (n_x, m, T) and initial states (n_a, m); or None.

        An initial state but the first may be None, for zeros. `given`: (x, initial, parameters, x as an array of any
        class and dtype, whose steps stand in the caches) as a caller has them.
        """
        if not is_array(x) or x.ndim != 3:
            return None
        (n_x, m, T), cell = x.shape, self._cell
        arrays = self._arrays(parameters, x.dtype, n_x)
        required = [state for i, state in enumerate(initial) if i == 0 or state is not None]
        if arrays is None or not all(self._is_state(state, arrays, x) for state in required):
            return None
        W_y, b_y = arrays.get(cell.W_y), arrays.get(cell.b_y)
        n_y, n_a = 0 if W_y is None else len(W_y), units(arrays)
        weights = gate_weights(cell, arrays, n_a)
        states = [np.empty((T, n_a, m), x.dtype).transpose(1, 2, 0) for _ in cell.states]  # each step contiguous
        y = np.empty((n_y, m, T), x.dtype)
        given_x, given_initial, given_parameters, array = given or (x, initial, parameters, x)
        previous = tuple([np.zeros((n_a, m), x.dtype) if state is None else state for state in initial])
        before = tuple([zeros if own is None else own for zeros, own in zip(previous, given_initial, strict=True)])
        caches = []
        for t in range(T if m or return_caches else 0):  # an empty batch may have endless steps
            step = step_forward(cell, weights, x[:, :, t], previous)
            after = tuple([every[:, :, t] for every in states])
            for state, value in zip(after, step.next, strict=True):
                state[...] = value
            y[:, :, t] = head(W_y, b_y, step.next[0])
            if return_caches:
                caches.append(self._cache(step._replace(next=after), array[:, :, t], before, given_parameters))
            previous = before = after
        # those in the caches stay, whatever is done to the results
        a, *others = (np.array(every, order="C") for every in states)
        return a, y, *others, (caches, given_x) if return_caches else None

    def _is_state(self, state: Any, arrays: dict[str, Array], x: Array) -> bool:
        """Whether a state is (n_a, m)."""
        return is_plain(state, x.dtype, units(arrays), x.shape[1])

    def _cache(self, step: Step, xt: Any, previous: tuple[Any, ...], parameters: Any) -> tuple[Any, ...]:
        """Return the notebook's tuple for one step: xt, the states before it and the parameters as the caller's own."""
        cell = self._cell
        values = {"xt": xt, "parameters": parameters} | dict(zip(cell.stored_gates, step.gates, strict=True))
        for state, before, after in zip(cell.states, previous, step.next, strict=True):
            values |= {f"{state}_prev": before, f"{state}_next": after}
        return tuple([values[name] for name in cell.cache])

    # ---- backward ----------------------------------------------------------------------------------------------------

    def backward(self, da: Any, caches: Any, dc: Any = None) -> dict[str, Array] | None:
        """Return the gradients for da (n_a, m, T), the caches of a sequence, and dc (n_a, m) or None; or None.

        Of the caches the first T are used.
        """
        if type(caches) is not tuple or len(caches) != 2 or type(caches[0]) is not list:
            return None
        if not is_array(da) or da.ndim != 3 or (dc is not None and len(self._cell.states) == 1):
            return None
        found = self._gradients(da.view(), tuple(caches[0]), dc)  # whose shape nobody else can change
        if found is None:
            return None
        asked = self._cell.states if dc is not None else self._cell.states[:1]
        states = {f"d{state}0": value for state, value in zip(asked, found.initial, strict=False)}
        return {"dx": found.x} | states | {f"d{key}": value for key, value in found.parameters.items()}

    def backward_step(self, da_next: Any, cache: Any, dc_next: Any = None) -> dict[str, Array] | None:
        """Return the gradients for da_next (n_a, m), the cache of a step, and dc_next (n_a, m) or None; or None."""
        if not is_array(da_next) or da_next.ndim != 2 or (dc_next is None) != (len(self._cell.states) == 1):
            return None
        found = self._gradients(da_next[:, :, None], (cache,), dc_next)
        if found is None:
            return None
        states = {f"d{state}_prev": value for state, value in zip(self._cell.states, found.initial, strict=True)}
        return {"dxt": found.x[:, :, 0]} | states | {f"d{key}": value for key, value in found.parameters.items()}

    @np.errstate(all="ignore")
    def _gradients(self, da: Array, caches: tuple[Any, ...], dc: Any) -> SequenceGradients | None:
        """Go back from da (n_a, m, T) and from dc (n_a, m) after step T, None for zeros."""
        (n_a, m, T), cell, dtype = da.shape, self._cell, da.dtype
        read = self._read(caches, dtype, n_a, m)
        if read is None or len(caches) < T or not (dc is None or is_plain(dc, dtype, n_a, m)):
            return None
        steps, arrays = read
        weights, n_x = gate_weights(cell, arrays, n_a), len(steps[0].xt)
        sizes = {"n_a": n_a, "n_x": n_x, "1": 1}
        d_parameters = {
            key: np.zeros(shape_of(names, sizes), dtype)
            for key, names in cell.shapes.items()
            if key not in cell.head
        }
        d_weights = gate_weights(cell, d_parameters, n_a)
        dx = np.zeros((n_x, m, T), dtype)
        # gradients of the states after step t: at first no step comes after it
        d_hidden, *d_others = (np.zeros((n_a, m), dtype) for _ in cell.states)
        if dc is not None:
            d_others = [dc.copy()]
        d_z: list[Arrays] = []
        for t in reversed(range(T)):
            d_next = (da[:, :, t] + d_hidden, *d_others)
            dx[:, :, t], (d_hidden, *d_others), dz = step_backward(cell, weights, steps[t], d_next)
            d_z.append(dz)
        if T > 0:
            sum_weights(cell, steps[:T], d_z[::-1], d_weights)
        return SequenceGradients(dx, (d_hidden, *d_others), d_parameters)

    def _read(
        self, caches: tuple[Any, ...], dtype: np.dtype[Any], n_a: int, m: int
    ) -> tuple[list[Step], dict[str, Array]] | None:
        """Return the steps that caches tell of, and their parameters; None where not all is plain and fits."""
        cell = self._cell
        if not caches or not all(type(cache) is tuple and len(cache) == len(cell.cache) for cache in caches):
            return None
        entries = [dict(zip(cell.cache, cache, strict=True)) for cache in caches]
        xt, parameters = entries[0]["xt"], entries[0]["parameters"]
        if not is_array(xt) or xt.ndim != 2:
            return None
        arrays = self._arrays(parameters, dtype, n_x=len(xt), backward=True)
        if arrays is None or units(arrays) != n_a:
            return None
        for entry in entries:
            if entry.pop("parameters") is not parameters:
                return None
            if not all(is_plain(value, dtype, len(xt) if name == "xt" else n_a, m) for name, value in entry.items()):
                return None

        def named(entry: dict[str, Any], names: list[str]) -> Arrays:
            return tuple([entry[name] for name in names])

        before, after = [f"{state}_prev" for state in cell.states], [f"{state}_next" for state in cell.states]
        gates = list(cell.stored_gates)
        return [Step(e["xt"], named(e, before), named(e, after), named(e, gates)) for e in entries], arrays

    # ---- parameters --------------------------------------------------------------------------------------------------

    def _arrays(
        self, parameters: Any, dtype: np.dtype[Any], n_x: int, *, backward: bool = False
    ) -> dict[str, Array] | None:
        """Return the arrays of parameters by the keys of the cell; None where they are not plain and fit.

        Without a head, if parameters has none; `backward`: those that the backward pass reads.
        """
        cell = self._cell
        if type(parameters) is self._packed:
            panels = getattr(parameters, "panels", None)
            if not isinstance(panels, Panels):  # somebody has tampered with them
                return None
            if (panels.cell, panels.dtype, panels.n_x) != (cell, dtype, n_x):
                return None
            return None if backward and has_integers(panels.arrays) else panels.arrays
        if type(parameters) is not dict:
            return None
        shapes = cell.read_backward if backward else cell.shapes
        if not any(key in parameters for key in cell.head):
            if cell.misnamed_head in parameters and not backward:
                return None
            shapes = {key: names for key, names in shapes.items() if key not in cell.head}
        arrays: dict[str, Any] = {key: parameters.get(key) for key in shapes}
        if not all(is_array(array) and array.ndim == 2 for array in arrays.values()):
            return None
        sizes = {"n_x": n_x, "n_a": units(arrays), "n_y": len(arrays.get(cell.W_y, ())), "1": 1}
        if not all(is_plain(arrays[key], dtype, *shape_of(names, sizes)) for key, names in shapes.items()):
            return None
        return arrays

    def pack(self, arrays: dict[str, Any]) -> Panels | None:
        """Return the notebook's `arrays`, plain and of one dtype or Quantized, for many calls; or None."""
        cell = self._cell
        integers = dict(zip(arrays, with_integers(arrays.values()), strict=True))
        arrays = {key: dequantized(W.W) if isinstance(W, Integers) else W for key, W in integers.items()}
        W_x = arrays.get(next(iter(cell.shapes)))
        if not is_array(W_x) or W_x.ndim != 2:
            return None
        n_a, columns = W_x.shape
        n_x = columns - n_a if cell.stacked else columns
        found = self._arrays(arrays, W_x.dtype, n_x)
        if found is None:
            return None
        return Panels(cell, W_x.dtype, n_x, n_a, len(found.get(cell.W_y, ())), found | integers)

    def sublayer(
        self,
        W_x: Array,
        W_a: Array,
        b: Array,
        W_hr: Array | None,
        blocks: tuple[int, ...],
        index: int,
        count: int,
        directions: int,
        single_step: bool,
        *variant_and_reverse: Any,
    ) -> Sublayer:
        """Return one layer of nn in one direction, or nn's cell: see reference_nn.py."""
        place = index, count, directions, single_step
        return Sublayer(self._cell, (W_x, W_a, b, W_hr), blocks, *place, *variant_and_reverse)


#: the environment of NumPy is the process's
DefaultEnvironment = contextlib.nullcontext


def share_above(work: int, split: Any) -> None:
    """Let threads share calls of so many multiply-adds: here none does."""


def begin_process(main_thread: int | None) -> None:
    """Note the thread in which signals are handled: here Python looks at them."""
