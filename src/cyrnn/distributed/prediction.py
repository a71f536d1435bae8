"""Outputs of a model for a dask array: a block at a time, wherever Dask runs it."""

from __future__ import annotations

import contextlib
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..calls.threads import get_num_threads, set_num_threads
from ..nn import _check as nn_check
from . import _check

_FUNCTION = "distributed.predict"


def predict(model: Any, input: Any, lengths: Any = None) -> Any:
    """Return the outputs of a model for a dask array, lazily: each block is a batch of its own.

    Parameters
    ----------
    model : RNN, LSTM, GRU, Linear, Embedding or Sequential of `cyrnn.nn`
        As it stands: what is changed in it later does not reach the result.
    input : dask array of shape (L, N, features), or (N, L, features) with `batch_first`
        In blocks along the batch alone; tokens, where the model takes such, have no last axis. A Linear takes
        (N, features), too.
    lengths : array or dask array of N whole numbers, optional
        How many steps each sequence has, as for a call of the model.

    Returns
    -------
    dask array
        The output of a call of the model, in the blocks of input. States are not returned.

    Raises
    ------
    ValueError, TypeError
        If input is no dask array or has blocks along another axis; as a call of the model does, for shapes and dtypes,
        before anything is computed.
    ImportError
        If Dask is not installed: it is the extra `dask`.

    See Also
    --------
    Gradients : Training by many processes.
    cyrnn.nn.LSTM : The model's own call, for an array of NumPy.

    Notes
    -----
    The bits are those of one call for the whole batch: no sequence depends on another. So a block that is computed
    again, as after the loss of a worker, is the same.

    The model is one object of the graph, on which all blocks depend: it is sent to each worker once. A block is
    computed by one thread, for a worker has one thread for each block: while blocks are computed in a process, all
    calls of cyrnn in it have one thread. The values of lengths that are a dask array are checked block by block.

    Examples
    --------
    >>> import dask.array
    >>> import cyrnn.nn, cyrnn.distributed
    >>> gru = cyrnn.nn.GRU(3, 5, rng=0)
    >>> x = dask.array.ones((7, 1000, 3), chunks=(-1, 250, -1), dtype=np.float32)
    >>> output = cyrnn.distributed.predict(gru, x)
    >>> output.shape, output.chunks[1]
    ((7, 1000, 5), (250, 250, 250, 250))
    >>> output[-1].mean(axis=0).compute(scheduler="threads").shape
    (5,)
    """
    dask, array = _check.dask(_FUNCTION)
    _check.model(_FUNCTION, model)
    _check.blocks(_FUNCTION, input, array.Array, model.batch_first)
    leading = input.ndim - (input.dtype.kind not in "iu")  # axes of time and batch; tokens have no other
    _check.batched(_FUNCTION, input, leading, recurrent=False)
    sent = pickle.dumps(model)
    model = pickle.loads(sent)  # nobody else has it
    batch_axis = 0 if leading == 1 or model.batch_first else 1
    _check.whole(_FUNCTION, input, batch_axis)
    empty, recurrent = _of_no_sequence(model, input, batch_axis)
    _check.batched(_FUNCTION, input, leading, recurrent=recurrent)
    axes = tuple(range(input.ndim))
    arguments = [input, axes]
    if lengths is not None:
        arguments += [_in_blocks(array, lengths, input, leading, batch_axis), (batch_axis,)]
    # a task of the graph, on which all blocks depend; as an argument, the model would be a part of every task
    task = dask.delayed(model, name=f"model-{dask.base.tokenize(sent)}", traverse=False)
    # output: the axes of input, without time where a layer keeps the last step alone; its features are an axis of their
    # own, of one block
    kept = axes[:leading] if empty.ndim > leading else (batch_axis,)
    return array.blockwise(
        _of_block,
        (*kept, input.ndim),
        *(task, None),
        *arguments,
        new_axes={input.ndim: empty.shape[-1]},
        concatenate=True,
        align_arrays=False,
        dtype=empty.dtype,
        meta=np.empty((0,) * empty.ndim, empty.dtype),
        name=f"predict-{dask.base.tokenize(sent, *arguments)}",
    )


def _of_no_sequence(model: Any, input: Any, batch_axis: int) -> tuple[Any, bool]:
    """Return the model's output for a batch of no sequences, and whether there are states beside it.

    Its shape and dtype are those of the output of any batch; what the model says against input, it says here.
    """
    shape = [0 if axis == batch_axis else size for axis, size in enumerate(input.shape)]
    found = model(np.empty(shape, input.dtype))
    return (found[0], True) if isinstance(found, tuple) else (found, False)


def _in_blocks(array: Any, lengths: Any, input: Any, leading: int, batch_axis: int) -> Any:
    """Return lengths as a dask array in the blocks of the batch."""
    _check.batched(_FUNCTION, input, leading, recurrent=True)
    _check.known(_FUNCTION, input, batch_axis)
    columns, steps = input.shape[batch_axis], input.shape[1 - batch_axis]
    if isinstance(lengths, array.Array):
        _check.lengths(_FUNCTION, lengths, columns)
        return lengths.rechunk((input.chunks[batch_axis],))
    checked = nn_check.lengths(_FUNCTION, lengths, steps, columns, batched=True)
    return array.from_array(checked, chunks=(input.chunks[batch_axis],))


def _of_block(model: Any, block: Any, lengths: Any = None) -> Any:
    with _one_thread():
        found = model(block) if lengths is None else model(block, lengths=lengths)
    return found[0] if isinstance(found, tuple) else found


#: blocks that threads of this process compute at the moment, and how many threads a call had before the first of them
_blocks, _before = 0, 1
_counting = threading.Lock()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let calls have one thread, until no block is computed in this process any more."""
    global _blocks, _before
    with _counting:
        if not _blocks:
            _before = get_num_threads()
            set_num_threads(1)
        _blocks += 1
    try:
        yield
    finally:
        with _counting:
            _blocks -= 1
            if not _blocks:
                set_num_threads(_before)
