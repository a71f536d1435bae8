"""Weights of Keras' recurrent layers as `get_weights` returns them, in torch's order of rows and back.

    kernel (features, gates * units), recurrent_kernel (units, gates * units), for x @ kernel
    bias (gates * units,), of a GRU that resets behind its product (2, gates * units): of the input and of the state

CuDNNLSTM and CuDNNGRU of Keras 2 have the same shapes but for the bias, (2 * gates * units,), which tells them. What
is in a kernel is another thing: each gate's block (features, units) is in its memory (units, features), and each gate's
block of the recurrent kernel is for R @ h (tf_keras/src/saving/legacy/hdf5_format.py, _convert_rnn_weights).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..cells import Cell
from ..cells.spec import Array
from . import orders
from .gates import Layout, Weights, from_torch, to_torch


def layout(cell: Cell) -> Layout:
    """Return Keras' layout of a cell."""
    return Layout(cell, orders.order_of("keras", cell), transposed=orders.facts_of("keras").transposed)


def shapes(cell: Cell, features: int, units: int, reset_after: bool, bias: bool) -> list[set[tuple[int, ...]]]:
    """Return the shapes that each array of a layer may have."""
    rows = len(orders.order_of("keras", cell)) * units
    wanted: list[set[tuple[int, ...]]] = [{(features, rows)}, {(units, rows)}]
    if bias and reset_after:
        wanted.append({(2, rows), (2 * rows,)})
    elif bias:
        wanted.append({(rows,), (2 * rows,)} if orders.gates_of(cell) == orders.ORDERS["torch"]["lstm"] else {(rows,)})
    return wanted


def of_layer(cell: Cell, arrays: Sequence[Array]) -> Weights:
    """Return what `get_weights` of a layer returned, of the shapes above, with torch's rows."""
    kernel, recurrent_kernel = arrays[:2]
    units, rows = recurrent_kernel.shape
    bias = arrays[2] if len(arrays) > 2 else None
    of_cudnn = bias is not None and bias.shape == (2 * rows,)
    if bias is not None:
        bias = bias.reshape(-1, rows)
        bias = np.concatenate([bias, np.zeros_like(bias)]) if len(bias) == 1 else bias
    form = layout(cell)
    if of_cudnn:
        blocks = [slice(start, start + units) for start in range(0, rows, units)]
        kernel = np.concatenate([kernel[:, block].reshape(units, -1) for block in blocks])
        recurrent_kernel = np.concatenate([recurrent_kernel[:, block] for block in blocks])
        form = form._replace(transposed=False)
    return to_torch(form, Weights(kernel, recurrent_kernel, bias))


def for_layer(cell: Cell, own: Weights, reset_after: bool) -> list[Array]:
    """Return what `set_weights` of a layer takes. Two biases of a layer that has one are added."""
    kernel, recurrent_kernel, b, _ = from_torch(layout(cell), own)
    if b is None:
        return [kernel, recurrent_kernel]
    if reset_after:
        return [kernel, recurrent_kernel, b]
    return [kernel, recurrent_kernel, b[0] + b[1] if b[1].any() else b[0].copy()]  # -0.0 + 0.0 is 0.0
