"""Parameters -> packed panels, and arrays as users have them -> arrays as kernels want them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from . import _check
from .cells import CELLS, Cell
from .cells.spec import Array, Gate
from .kernels import dispatch

if TYPE_CHECKING:
    from .kernels.face import Face


class Panels:
    """The parameters of one cell and its head as the kernels of one ISA and dtype read them. Never changed.

    `Wx`, `Wa`, `b` hold all gates, `Wy`, `by` the head; one-dimensional, laid out as the kernels please.
    """

    __slots__ = ("Wa", "Wx", "Wy", "b", "by", "calls", "cell", "dtype", "face", "n_a", "n_x", "n_y")

    def __init__(
        self, cell: Cell, arrays: Mapping[str, Array], dtype: np.dtype[Any], face: Face | None = None
    ) -> None:
        self.cell = cell
        self.calls = calls(cell)
        self.dtype = dtype
        self.face: Face = dispatch.kernels.of(dtype) if face is None else face
        self.n_y, self.n_a = arrays[cell.W_y].shape
        stages = [[split_weights(cell, gate, arrays, self.n_a) for gate in stage.gates] for stage in cell.stages]
        self.n_x = next(W_x.shape[1] for split in stages for W_x, _ in split if W_x is not None)
        self.Wx = self._joined([[W_x for W_x, _ in split if W_x is not None] for split in stages])
        self.Wa = self._joined([[W_a for _, W_a in split if W_a is not None] for split in stages])
        self.b = self._joined([[arrays[gate.b] for gate in stage.gates] for stage in cell.stages])
        self.Wy = self._joined([[arrays[cell.W_y]]])
        self.by = self._joined([[arrays[cell.b_y]]])

    def _joined(self, stages: list[list[Array]]) -> Array:
        return joined(stages, self.dtype, self.face)


def joined(stages: list[list[Array]], dtype: np.dtype[Any], face: Face) -> Array:
    """Pack the matrices (units, k) of each stage into one block of memory, one stage after the other."""
    sizes = [face.packed_size(len(first), first.shape[1], 1 + len(rest)) for first, *rest in stages]
    return _laid(stages, sizes, face.pack, dtype)


def _laid(stages: list[list[Array]], sizes: list[int], pack: Callable[..., None], dtype: np.dtype[Any]) -> Array:
    out = on_cache_line(sum(sizes), dtype)
    start = 0
    for matrices, size in zip(stages, sizes, strict=True):
        for gate, matrix in enumerate(matrices):
            if size:
                pack(native(matrix, dtype), gate, len(matrices), out[start : start + size])
        start += size
    return out


_calls: dict[str, Any] = {}


def calls(cell: Cell) -> Any:
    """Return the compiled calls of a cell, each of which gives None where it does not apply (kernels/_fast.pyx)."""
    if cell.name not in _calls:
        _calls[cell.name] = dispatch.kernels.fast(cell, Packed)
    return _calls[cell.name]


def on_cache_line(size: int, dtype: np.dtype[Any]) -> Array:
    """Return an uninitialised array (size,) that starts on a cache line: no vector of it crosses one.

    NumPy starts anywhere; f32 LSTM (128,128,1,100) took 348 us so, 250 on aligned panels (Xeon, 2026-11-23).
    """
    line = 64
    room = np.empty(size * dtype.itemsize + line, np.uint8)
    start = -room.__array_interface__["data"][0] % line
    return room[start : start + size * dtype.itemsize].view(dtype)


def split_weights(
    cell: Cell, gate: Gate, arrays: Mapping[str, Array], n_a: int
) -> tuple[Array | None, Array | None]:
    """Return W_x (n_a, n_x) and W_a (n_a, n_a) of one gate, as views of the notebook's matrices, or None."""
    W_x = None if gate.W_x is None else arrays[gate.W_x]
    W_a = None if gate.W_a is None else arrays[gate.W_a]
    if not cell.stacked:
        return W_x, W_a
    return None if W_x is None else W_x[:, n_a:], None if W_a is None else W_a[:, :n_a]


def gate_keys(cell: Cell) -> list[str]:
    """Return the keys of the parameters of all gates: those that a sequence's gradients have."""
    return [key for key in cell.shapes if key not in (cell.W_y, cell.b_y)]


def turned(
    cell: Cell, arrays: Mapping[str, Array], dtype: np.dtype[Any], face: Face
) -> tuple[Array, Array]:
    """Return W_x^T (n_x, .) of all gates, packed, and W_a^T (n_a, .) of each stage: what the way back multiplies by."""
    n_a = arrays[cell.W_y].shape[1]
    split = [[split_weights(cell, gate, arrays, n_a) for gate in stage.gates] for stage in cell.stages]
    W_x = [W_x for stage in split for W_x, _ in stage if W_x is not None]
    W_a = [[W_a for _, W_a in stage if W_a is not None] for stage in split]
    return joined_turned([W_x], dtype, face), joined_turned(W_a, dtype, face)


def joined_turned(stages: list[list[Array]], dtype: np.dtype[Any], face: Face) -> Array:
    """Pack the matrices (n, units) of each stage turned, likewise."""
    sizes = [face.packed_size(stage[0].shape[1], len(stage) * len(stage[0]), 1) for stage in stages]
    return _laid(stages, sizes, face.pack_transposed, dtype)


class Packed(Mapping[str, Any]):
    """Parameters made ready for the kernels: a read-only mapping with the keys and values it was made from.

    Its arrays are copies and cannot be written to, so that the panels beside them never go stale.
    """

    __slots__ = ("_values", "arrays", "panels")

    def __init__(self, values: dict[str, Any], arrays: dict[str, Array], panels: Panels) -> None:
        self._values = values
        self.arrays = arrays  # of the cell's keys only, in the order of its spec
        self.panels = panels

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    __eq__ = object.__eq__  # arrays have no truth value: equal only to itself
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        p = self.panels
        sizes = f"n_x = {p.n_x}, n_a = {p.n_a}, n_y = {p.n_y}"
        return f"<cyrnn parameters packed for {p.cell.name}: {p.dtype}, {sizes}>"

    def __reduce__(self) -> tuple[Callable[[Mapping[str, Any]], Packed], tuple[dict[str, Any]]]:
        return pack, (self._values,)  # panels belong to one ISA: they are made anew, where they are loaded


def pack(parameters: Mapping[str, Any]) -> Packed:
    """Prepare the parameters of a cell once, for many calls.

    The kernels read weights from panels, in the order in which they need them. Every function that takes
    `parameters` makes the panels of a dict anew at each call, and finds them ready in the result of `pack`. For
    running a model; while it is trained, the dict does.

    Parameters
    ----------
    parameters : mapping
        The dict of an RNN (`Wax Waa Wya ba by`), of an LSTM (`Wf bf Wi bi Wc bc Wo bo Wy by`), of a GRU
        (`Wz bz Wr br Wc bc Wy by`) or, with `bca` too, of a GRU that resets after the product; told apart by the keys,
        with arrays of the shapes that the forward functions ask for.

    Returns
    -------
    Packed
        A read-only mapping with the same keys, accepted wherever the dict is.

    Raises
    ------
    KeyError
        If keys of every cell are missing.
    ValueError, TypeError
        If an array has a wrong shape, or is not of real numbers up to float64.

    Notes
    -----
    The arrays are copied: later changes of the originals do not reach the result, so pack again after an
    update. Panels are float64 if any array is float64, integer or bool, else float32; the inputs of a forward
    call must be of that dtype too. Pickling and copying keep the arrays and make the panels anew.

    Examples
    --------
    >>> parameters = {"Wax": np.ones((2, 3)), "Waa": np.eye(2), "ba": np.zeros((2, 1)),
    ...               "Wya": np.ones((4, 2)), "by": np.zeros((4, 1))}
    >>> pack(parameters)
    <cyrnn parameters packed for rnn: float64, n_x = 3, n_a = 2, n_y = 4>
    """
    if isinstance(parameters, Packed):
        return parameters
    cells = {name: cell.shapes for name, cell in CELLS.items() if cell.function}
    name = _check.recognise("pack", parameters, cells)
    cell = CELLS[name]
    call = _check.Call("pack")
    arrays = {key: _frozen(array) for key, array in call.take_parameters(parameters, cell.shapes).items()}
    values = {key: arrays[key] if key in arrays else _frozen(value) for key, value in parameters.items()}
    return Packed(values, arrays, Panels(cell, arrays, call.dtype()))


def _frozen(value: Any) -> Any:
    """Return a copy of an array that cannot be made writeable again; anything else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    copy = np.array(value)
    copy.flags.writeable = False
    return copy.view()


def check_parameters(call: _check.Call, cell: Cell, parameters: object) -> Packed | dict[str, Array]:
    """Check parameters against the cell and the sizes known so far; return arrays, or itself if packed."""
    if not isinstance(parameters, Packed):
        return call.take_parameters(parameters, cell.shapes)
    call.require_cell(parameters.panels.cell.name, cell.name)
    for key in list(cell.shapes)[: 1 if cell.stacked else 2]:  # all others are known to agree with these
        call.match(f'parameters["{key}"]', parameters.arrays[key].shape, cell.shapes[key])
    return parameters


def panels_for(call: _check.Call, cell: Cell, checked: Packed | dict[str, Array]) -> Panels:
    """Return the panels for a call all of whose arrays were taken."""
    if isinstance(checked, Packed):
        call.require_dtype(checked.panels.dtype)
        return checked.panels
    return Panels(cell, checked, call.dtype())


def native(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return the array itself if it is of that dtype, aligned, in native byte order; else a copy that is."""
    if array.dtype == dtype and array.flags.aligned:
        return array
    return _converted(array, dtype, "K")


def contiguous(array: Array, dtype: np.dtype[Any], order: Literal["A", "C"]) -> Array:
    """Do what `native` does, in one block of memory: C order, or with "A" Fortran order if it is so now."""
    flags = array.flags
    in_order = flags.c_contiguous or (order == "A" and flags.f_contiguous)
    if in_order and array.dtype == dtype and flags.aligned:
        return array
    return _converted(array, dtype, order)


def time_major(x: Array, dtype: np.dtype[Any]) -> Array:
    """Turn x (n_x, m, T) into the kernels' (T, m, n_x), where the features of a column are side by side.

    The result is a view of x where x is so laid out already, as the outputs of cyrnn are.
    """
    rows = x.T
    side_by_side = rows.strides[-1] == dtype.itemsize or rows.shape[-1] <= 1
    if side_by_side and rows.dtype == dtype and rows.flags.aligned:
        return rows
    return _converted(rows, dtype, "C")


def _converted(array: Array, dtype: np.dtype[Any], order: Literal["A", "C", "K"]) -> Array:
    with np.errstate(all="ignore"):  # a signalling nan is no reason to warn
        return array.astype(dtype, order=order)
