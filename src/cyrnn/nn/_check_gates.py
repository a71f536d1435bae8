"""Checks of weights that come as arrays in another framework's order of gates, and their error sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .._check import as_array
from ..cells import Cell
from ..cells.spec import Array
from ..weights import orders
from ..weights.gates import Layout, Weights, told_by_shape
from ._check import _shown, flag, values

#: what the arrays say themselves
_TOLD = ("input_size", "hidden_size", "num_layers", "bias", "proj_size", "peephole")


def options(function: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse options that the class has not, and those that the arrays say."""
    free = [name for name in known if name not in _TOLD]
    for name in given:
        if name in _TOLD:
            raise TypeError(f"{function}: {name} is given, expected none: the arrays say it")
        if name not in free:
            raise TypeError(f"{function}: {name} is no option of it, expected one of {', '.join(free)}")


def sublayers(function: str, W: Any, R: Any, b: Any, P: Any, per_layer: int) -> list[tuple[Any, ...]]:
    """Return what is given for each layer and direction: of lists, and of arrays with an axis more, each entry."""
    if not _several(W):
        return [(W, R, b, P)]
    parts = []
    for name, value in (("W", W), ("R", R), ("b", b), ("P", P)):
        if value is None and name in "bP":
            parts.append([None] * len(W))
            continue
        if not hasattr(value, "__len__") or len(value) != len(W):
            got = f"has {len(value)} entries" if hasattr(value, "__len__") else f"is {_shown(value)}"
            raise ValueError(f"{function}: {name} {got}, expected {len(W)}, one for each layer and direction, as W has")
        parts.append(list(value))
    if not len(W) or len(W) % per_layer:
        raise ValueError(f"{function}: W has {len(W)} entries, expected {per_layer} for each layer")
    return list(zip(*parts, strict=True))


def _several(W: Any) -> bool:
    """Whether W is a list of matrices, or an array of them, not one matrix."""
    if isinstance(W, (list, tuple)):
        return bool(W) and np.ndim(W[0]) == 2
    return np.ndim(W) == 3


def layout(
    function: str, cell: Cell, order: Any, transpose: Any, forget_bias: Any, negate: Any, *, reading: bool = True
) -> Layout:
    """Return how the weights of a cell are kept; `transposed` is None where their shapes have to tell."""
    known, own = orders.facts_of(order) if order in orders.ORDERS else None, orders.gates_of(cell)
    if known is not None and cell.name.partition("_")[0] not in orders.ORDERS[order]:
        wanted = f"the letters {own} in the order of the rows"
        raise ValueError(f"{function}: order is {order!r}, which has no such cell, expected {wanted}")
    letters = order if known is None else orders.order_of(order, cell)
    if not isinstance(letters, str) or sorted(letters) != sorted(own):
        candidate = " (c, the candidate, is g, j, n or h elsewhere)" if "c" in own else ""
        wanted = f"the letters {own}{candidate} in the order of the rows, or one of {', '.join(orders.ORDERS)}"
        raise ValueError(f"{function}: order is {_shown(order)}, expected {wanted}")
    if transpose is not None:
        transpose = flag(function, "transpose", transpose)
    elif known is not None or not reading:  # else the shapes tell
        transpose = known is not None and known.transposed
    known = known or orders.Facts()
    if forget_bias is None:
        if known.forget_bias and "f" in own:
            cure = f"{order} adds its cell's forget_bias, 1.0 if nothing else is said, to what the bias holds"
            raise ValueError(f"{function}: forget_bias is None, expected a number: {cure}")
        forget_bias = 0.0
    elif isinstance(forget_bias, bool) or not isinstance(forget_bias, (int, float, np.integer, np.floating)):
        raise TypeError(f"{function}: forget_bias is {_shown(forget_bias)}, expected a number")
    elif forget_bias and "f" not in own:
        raise ValueError(f"{function}: forget_bias is {forget_bias}, expected 0: the cell has no forget gate")
    if negate is None:
        negate = known.negated
    if negate is None:
        negate = "" if "z" not in own else None
    if negate is None:
        cure = f"'z' where h = (1 - z) * h + z * c, as {order} has it unless its origin_mode is true, else ''"
        raise ValueError(f"{function}: negate is None, expected {cure}")
    if not isinstance(negate, str) or not set(negate) <= set(own) or len(set(negate)) < len(negate):
        if negate != known.negated:  # that of the table may name a gate of another cell
            raise ValueError(f"{function}: negate is {_shown(negate)}, expected letters of {own}")
        negate = ""
    two_matrices = known.two_matrices and "z" in own
    return Layout(cell, letters, transpose, float(forget_bias), negate, known.by_unit and "f" in own, two_matrices)


def reset_after(function: str, order: Any) -> bool:
    """Return whether a GRU of a framework resets behind its product; refuse what does not say it."""
    known = orders.facts_of(order).reset_after if order in orders.ORDERS else None
    if known is None:
        cure = "True where the reset gate multiplies R h + b, as in torch, False where it multiplies h before R"
        raise ValueError(f"{function}: reset_after is not given, expected {cure}: the arrays have the same shapes")
    return known


def told(function: str, layout: Layout, given: list[tuple[Any, ...]]) -> Layout:
    """Return the layout with what the shapes of the first layer tell: whether weights are transposed."""
    if layout.transposed is not None:
        return layout
    W, R = (_matrix(function, name, value) for name, value in zip("WR", given[0], strict=False))
    found = told_by_shape(len(layout.order), W.shape, R.shape)
    if found is None:
        _fits(function, len(layout.order), W, R)
        cure = "True where they are multiplied from the right, x @ W, False for W @ x"
        why = f"W has shape {W.shape}, R {R.shape}, which fits both"
        raise ValueError(f"{function}: transpose is not given, expected {cure}: {why}")
    return layout._replace(transposed=found)


def _fits(function: str, gates: int, W: Array, R: Array) -> None:
    if gates * R.shape[1] != len(R) and gates * len(R) != R.shape[1]:
        wanted = f"({gates} * hidden_size, hidden_size), or transposed"
        raise ValueError(f"{function}: R has shape {R.shape}, expected {wanted}: {gates} gates")
    if W.shape[0] != R.shape[0] and W.shape[1] != R.shape[1]:
        wanted = f"({max(R.shape)}, input_size), or transposed"
        raise ValueError(f"{function}: W has shape {W.shape}, expected {wanted}: R has shape {R.shape}")


def arrays(function: str, layout: Layout, given: tuple[Any, ...], place: str) -> Weights:
    """Return the arrays of one layer and direction, whose shapes fit; `place`: its index in lists, or nothing."""
    W, R = (_matrix(function, f"{name}{place}", value) for name, value in zip("WR", given, strict=False))
    gates = len(layout.order)
    rows, units = R.shape[::-1] if layout.transposed else R.shape
    if rows != gates * units or not units:
        axes = [f"{gates} * hidden_size", "hidden_size"]
        shape = f"({', '.join(reversed(axes) if layout.transposed else axes)})"
        transposed = f"transpose={layout.transposed}, {gates} gates"
        raise ValueError(f"{function}: R{place} has shape {R.shape}, expected {shape}: {transposed}")
    if W.shape[1 if layout.transposed else 0] != rows:
        shape = f"(input_size, {rows})" if layout.transposed else f"({rows}, input_size)"
        raise ValueError(f"{function}: W{place} has shape {W.shape}, expected {shape}: transpose={layout.transposed}")
    b, P = given[2:]
    if b is not None:
        b = _floats(function, f"b{place}", b)
        if b.shape not in ((rows,), (1, rows), (2 * rows,), (2, rows)):
            wanted = f"({rows},), or two of them, (2, {rows})"
            raise ValueError(f"{function}: b{place} has shape {b.shape}, expected {wanted}")
        b = b.reshape(-1, rows)
        b = np.concatenate([b, np.zeros_like(b)]) if len(b) == 1 else b
    if P is not None:
        P, count = _floats(function, f"P{place}", P), len(layout.cell.peepholes)
        if P.shape not in ((count, units), (count * units,)):
            wanted = f"({count}, {units}), rows in the order of the gates"
            raise ValueError(f"{function}: P{place} has shape {P.shape}, expected {wanted}")
        P = P.reshape(count, units)
    return Weights(W, R, b, P)


def stacked(function: str, sublayer: int, got: tuple[int, ...], features: int, units: int, place: str) -> None:
    """Refuse a layer whose input or hidden state has another size than the layers before it say."""
    if got != (features, units):
        raise ValueError(
            f"{function}: W{place} and R{place} have input_size, hidden_size = {got}, expected {(features, units)}: "
            f"{'those of the first' if sublayer else 'as they say'}"
        )


def no_peepholes(function: str, P: Any) -> None:
    if P is not None:
        raise ValueError(f"{function}: P is given, expected None: the cell has no peepholes")


def no_projection(function: str, proj_size: int) -> None:
    if proj_size:
        raise ValueError(f"{function}: the model has proj_size = {proj_size}, expected 0: state_dict() has its weights")


def one_layer(function: str, count: int) -> None:
    if count != 1:
        raise ValueError(f"{function}: W has {count} entries, expected one matrix: a cell has one layer")


def _matrix(function: str, name: str, value: Any) -> Array:
    found = _floats(function, name, value)
    if found.ndim != 2:
        raise ValueError(f"{function}: {name} has shape {found.shape}, expected a matrix")
    return found


def _floats(function: str, name: str, value: Any) -> Array:
    try:
        value = values(value)
    except TypeError as error:  # a quantised tensor
        raise TypeError(f"{function}: {name}: {error}") from None
    found = as_array(function, name, value)
    if found.dtype.kind in "iub":
        cure = "what is quantised is multiplied by its scale first"
        raise TypeError(f"{function}: {name} has dtype {found.dtype}, expected float32 or float64: {cure}")
    return found if found.dtype == np.float64 else found.astype(np.float32, copy=False)
