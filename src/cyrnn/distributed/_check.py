"""Checks of what is distributed, and all their sentences."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .._keys import type_of
from ..nn._check import whole_number

# ---- Dask ----------------------------------------------------------------------------------------


def dask(function: str) -> tuple[Any, Any]:
    """Return the modules dask and dask.array."""
    try:
        return importlib.import_module("dask"), importlib.import_module("dask.array")
    except ImportError as error:
        raise ImportError(f"{function}: Dask is not installed: pip install 'cyrnn[dask]'") from error


def model(function: str, value: Any) -> None:
    """Refuse what is no model over whole batches, such as the cells, which take a single step."""
    if isinstance(value, type) or not callable(value) or not hasattr(value, "batch_first"):
        wanted = "an RNN, LSTM, GRU, Linear, Embedding or Sequential of cyrnn.nn"
        raise TypeError(f"{function}: model is {type_of(value)}, expected {wanted}")


def blocks(function: str, value: Any, kind: type, batch_first: bool) -> None:
    """Refuse what is no dask array."""
    if not isinstance(value, kind):
        sizes = "(100, -1, -1)" if batch_first else "(-1, 100, -1)"
        cure = f"dask.array.from_array(input, chunks={sizes}), for 100 sequences a block"
        raise TypeError(f"{function}: input is {type_of(value)}, expected a dask array: {cure}")


def batched(function: str, value: Any, leading: int, *, recurrent: bool) -> None:
    """Refuse an input without an axis of a batch, or with more axes than a batch has."""
    if leading == 2 or (leading == 1 and not recurrent):
        return
    wanted = "(L, N, features), (N, L, features) with batch_first, or tokens without the last axis"
    raise ValueError(f"{function}: input has shape {value.shape}, expected a batch of sequences: {wanted}")


def whole(function: str, value: Any, batch_axis: int) -> None:
    """Refuse an input that is cut along another axis than that of the batch."""
    cut = [axis for axis, count in enumerate(value.numblocks) if axis != batch_axis and count > 1]
    if cut:
        where = " and ".join(f"{value.numblocks[axis]} blocks along axis {axis}" for axis in cut)
        cure = f"input.rechunk({{{', '.join(f'{axis}: -1' for axis in cut)}}})"
        raise ValueError(f"{function}: input has {where}, expected blocks along the batch, axis {batch_axis}: {cure}")
    if any(axis != batch_axis and np.isnan(size) for axis, size in enumerate(value.shape)):
        cure = "input.compute_chunk_sizes()"
        raise ValueError(f"{function}: input has shape {value.shape}, expected sizes that are known: {cure}")


def known(function: str, value: Any, batch_axis: int) -> None:
    """Refuse blocks of unknown sizes where lengths have to be shared among them."""
    if np.isnan(value.shape[batch_axis]):
        cure = "input.compute_chunk_sizes()"
        raise ValueError(f"{function}: lengths need blocks of input whose sizes are known: {cure}")


def lengths(function: str, value: Any, columns: int) -> None:
    """Refuse a dask array that is no lengths of `columns` sequences; its values are checked block by block."""
    if value.dtype.kind not in "iu":
        raise TypeError(f"{function}: lengths has dtype {value.dtype}, expected whole numbers")
    if value.shape != (columns,):
        cure = "lengths.compute_chunk_sizes()" if value.ndim == 1 and np.isnan(value.shape[0]) else "N from input"
        raise ValueError(f"{function}: lengths has shape {value.shape}, expected (N,) = ({columns},): {cure}")


# ---- MPI -----------------------------------------------------------------------------------------


def communicator(function: str, value: Any) -> Any:
    """Return a communicator of mpi4py: that of all ranks in the place of None."""
    if value is None:
        try:
            return importlib.import_module("mpi4py.MPI").COMM_WORLD
        except ImportError as error:
            raise ImportError(f"{function}: mpi4py is not installed: pip install 'cyrnn[mpi]'") from error
    if not all(hasattr(value, name) for name in ("Get_rank", "Get_size", "allgather", "Bcast")):
        wanted = "a communicator of mpi4py, such as MPI.COMM_WORLD"
        raise TypeError(f"{function}: comm is {type_of(value)}, expected {wanted}")
    return value


def agreed(function: str, argument: str, every: list[Any]) -> int:
    """Return a whole number of at least 1, the same on all ranks, each of which sees all values, so that all raise."""
    values: list[int] = [whole_number(function, argument, value, least=1) for value in every]
    for rank, value in enumerate(values):
        if value != values[0]:
            got = f"{argument} is {values[0]} on rank 0, {value} on rank {rank}"
            raise ValueError(f"{function}: {got}, expected the same on every rank")
    return values[0]


def gradients(function: str, found: Any) -> dict[str, NDArray[Any]]:
    """Return what the caller's function found for a group of examples as arrays of float32 or float64."""
    if not isinstance(found, Mapping):
        cure = "such as the weights of what backward returned"
        raise TypeError(f"{function}: what function returned is {type_of(found)}, expected a dict of arrays, {cure}")
    arrays = {}
    for name, value in found.items():
        array = np.asarray(float(value) if isinstance(value, int) else value)
        if array.dtype.newbyteorder("=") not in (np.float32, np.float64):
            got = f"an array of {array.dtype} under {name!r}"
            raise TypeError(f"{function}: function returned {got}, expected float32 or float64")
        arrays[name] = array
    return arrays


def alike(function: str, layout: Any, other: Any) -> None:
    """Refuse a group whose gradients have other names, shapes or dtypes than those of the group before."""
    if layout != other:
        mine, others = (
            next((entry for entry in a if entry not in b), "the same less or in another order")
            for a, b in ((layout, other), (other, layout))
        )
        got = f"{mine} for one group of examples, {others} for another"
        raise ValueError(f"{function}: function returned {got}, expected the same names, shapes and dtypes")


def failed(function: str, rank: int, sentence: str) -> NoReturn:
    """Raise where another rank's function raised."""
    raise RuntimeError(f"{function}: function raised on rank {rank}: {sentence}")
