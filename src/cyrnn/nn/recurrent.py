"""The calls of a model of layers: over whole sequences, and step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

import numpy as np

from .. import calls
from ..calls import stack
from . import _check, _check_resets, arguments, tokens
from ._check_resets import ZEROS
from .cell_module import CellModule
from .typed import F, Gates, ResetTo, S

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Recurrent(CellModule[F], Generic[F, S]):
    """Layers of a recurrent cell, in one direction or in both; see Module."""

    batch_first: bool
    dropout: float

    if TYPE_CHECKING:  # by name those of two layers; getattr and state_dict have all
        weight_ih_l0: NDArray[F]
        weight_hh_l0: NDArray[F]
        bias_ih_l0: NDArray[F]
        bias_hh_l0: NDArray[F]
        weight_ih_l0_reverse: NDArray[F]
        weight_hh_l0_reverse: NDArray[F]
        bias_ih_l0_reverse: NDArray[F]
        bias_hh_l0_reverse: NDArray[F]
        weight_ih_l1: NDArray[F]
        weight_hh_l1: NDArray[F]
        bias_ih_l1: NDArray[F]
        bias_hh_l1: NDArray[F]
        weight_ih_l1_reverse: NDArray[F]
        weight_hh_l1_reverse: NDArray[F]
        bias_ih_l1_reverse: NDArray[F]
        bias_hh_l1_reverse: NDArray[F]
        weight_ih_l0_scale: NDArray[np.float32]  # of a quantised model
        weight_hh_l0_scale: NDArray[np.float32]

    @overload
    def __call__(
        self,
        input: ArrayLike,
        hx: ArrayLike | None = None,
        *,
        lengths: ArrayLike | None = None,
        reset: ArrayLike | None = None,
        reset_to: ResetTo = "zeros",
        return_gates: Literal[False] = False,
    ) -> tuple[NDArray[F], S]: ...
    @overload
    def __call__(
        self,
        input: ArrayLike,
        hx: ArrayLike | None = None,
        *,
        lengths: ArrayLike | None = None,
        reset: ArrayLike | None = None,
        reset_to: ResetTo = "zeros",
        return_gates: Literal[True],
    ) -> tuple[NDArray[F], S, Gates[F]]: ...
    @overload
    def __call__(
        self,
        input: ArrayLike,
        hx: ArrayLike | None = None,
        *,
        lengths: ArrayLike | None = None,
        reset: ArrayLike | None = None,
        reset_to: ResetTo = "zeros",
        return_gates: bool,
    ) -> tuple[Any, ...]: ...
    def __call__(
        self,
        input: Any,
        hx: Any = None,
        *,
        lengths: Any = None,
        reset: Any = None,
        reset_to: Any = "zeros",
        return_gates: bool = False,
    ) -> Any:
        """Run the model over whole sequences.

        Parameters
        ----------
        input : ndarray of shape (L, N, input_size), or (N, L, input_size) with `batch_first`, or (L, input_size)
            Of the dtype of the model; any strides. The last shape is one sequence without a batch. Or tokens, in an
            array of any integer dtype, (L, N), (N, L) or (L,): each stands for a row of input_size features, 1 at its
            place and 0 everywhere else.
        hx : ndarray, or a pair of them for an LSTM, optional
            States h_0 (D * num_layers, N, H_out) and c_0 (D * num_layers, N, hidden_size), without N where `input` has
            none; layers first, then directions. Zeros if left out.
        lengths : array of N whole numbers, optional
            How many steps each sequence of a batch has, from 0 to L, in any order; what lies behind is not read.
        reset : bool array of shape (L, N), or (N, L) with `batch_first`, or (L,), optional
            Where True, the state of that sequence is zero before that step, in every layer: a new episode of a stream.
            Results have the bits of sequences cut there. The reverse direction is cut at the same place, from its side:
            its state is zero before it reads step t - 1. What lies behind the end of a sequence is not read.
        reset_to : "zeros" or "hx"
            Whether a sequence that is reset goes on from zeros, or from its rows of hx once more.
        return_gates : bool
            Whether the gates of every step are returned, too.

        Returns
        -------
        output : ndarray of shape (L, N, D * H_out), or as `input` was given
            Hidden states of the last layer; zero behind the end of a sequence.
        state : ndarray, or a pair of them for an LSTM
            As `hx`, h_n or (h_n, c_n): after the own last step of each sequence. Without a step it is as `hx` was.
        gates : list of dicts, with `return_gates`
            For each layer and direction, in the order of h_n: name to array, as `output` but (L, N, hidden_size).
            The names are the notebook's: `ft it cct ot` for an LSTM, `zt rt cct` for a GRU; an RNN has no gates.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes and lengths, another dtype or kind; before any work.

        See Also
        --------
        forward : The same with a tape, for `backward`.
        step : One step of a stream.

        Notes
        -----
        The bits of a sequence do not depend on the rest of its batch, nor on its place there: with `lengths` they are
        those of the sequence alone. A ragged batch takes time in proportion to the sum of its lengths. Dropout has no
        part in this. Lists of Python's floats, which have no dtype of their own, are taken in the model's; float16,
        bfloat16 and ml_dtypes' floats in float32, bools and integers (L, N, input_size) in float64: a float32 model
        refuses those and float64.

        Tokens have the bits of the rows that they stand for, and no such row is made: one column of weight_ih_l0 is
        added to the bias. That holds for finite weights; where one is not, it comes into the steps of its token alone.
        A float64 model refuses tokens (L, N) where N is input_size, which could be the features of one sequence, unless
        `lengths` or `hx` say that there is a batch.

        Examples
        --------
        >>> lstm = cyrnn.nn.LSTM(3, 5, rng=0)
        >>> output, (h_n, c_n) = lstm(np.ones((7, 2, 3), np.float32), lengths=[7, 4])
        >>> np.array_equal(h_n[0, 1], output[3, 1]), output[4:, 1].any()
        (True, np.False_)
        """
        if lengths is None and reset is None and reset_to is ZEROS and not return_gates:
            found = stack.forward(self._sublayers, self._plan.directions, input, hx, self.batch_first)
            if found is not None:
                return found
        return self._call(input, hx, lengths, (reset, reset_to), return_gates, False)

    def _call(
        self, input: Any, hx: Any, lengths: Any, reset: tuple[Any, Any], return_gates: bool, return_cells: bool
    ) -> Any:
        """A call whose arguments are any."""
        records: list[Any] | None = [] if return_gates or return_cells else None
        output, state = self._run(type(self).__name__, self._sublayers, input, hx, lengths, reset, records)
        if records is None:
            return output, state
        found = [output.copy(), state]
        if return_gates:
            names = self._plan.cell.stored_gates
            found.append([dict(zip(names, record.every_gate(), strict=True)) for record in records])
        if return_cells:
            found.append([record.every_cell_state() for record in records])
        return tuple(found)

    def step(
        self, x_t: ArrayLike, state: ArrayLike | None = None, *, reset: ArrayLike | None = None
    ) -> tuple[NDArray[F], S]:
        """Run the model for one step of a stream.

        Parameters
        ----------
        x_t : ndarray of shape (N, input_size) or (input_size,)
            Or tokens, whole numbers (N,) or one number, as for a call.
        state : ndarray, or a pair of them for an LSTM, optional
            What the last step returned; as `hx` of a call. Zeros if left out.
        reset : bool array of shape (N,), or a bool where there is no batch, optional
            Which streams start from zeros: their state is zero before this step.

        Returns
        -------
        output : ndarray of shape (N, H_out) or (H_out,)
            Hidden states of the last layer.
        state : ndarray, or a pair of them for an LSTM
            New arrays: that of the step before stays as it was.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes, another dtype or kind, or if the model is bidirectional; before any work.

        See Also
        --------
        __call__ : Over whole sequences.

        Notes
        -----
        Step after step gives the very bits of a call with the whole sequence.

        Examples
        --------
        >>> lstm, state = cyrnn.nn.LSTM(3, 5, num_layers=2, rng=0), None
        >>> for frame in np.ones((7, 3), np.float32):
        ...     output, state = lstm.step(frame, state)
        >>> output.shape, state[0].shape
        ((5,), (2, 5))
        """
        sublayers, directions = self._sublayers, self._plan.directions
        x: Any = None
        if type(x_t) is np.ndarray:
            x = x_t[None]
        elif type(x_t) in (int, np.int64):  # a token
            x = np.array([x_t])
        if x is not None and directions == 1:
            found = stack.forward(sublayers, 1, x, state, False, None, reset)
            if found is not None:
                return found[0][0], found[1]
        function = f"{type(self).__name__}.step"
        _check.one_direction(function, directions)
        numbers = tokens.numbers_in(function, "x_t", x_t, 1)
        if numbers is not None:
            known = reset is not None or tokens.has_batch(state, 3)
            x = tokens.checked(
                function, "x_t", self._plan, numbers, x_t, axes=1, leading=True, cure="reset= or a state", batched=known
            )
            columns = x.shape[1:]
        else:
            x = _check.array(function, "x_t", x_t, self._plan.dtype)[None]
            columns = x.shape[1:-1]
            _check.features(function, "x_t", x[0], "N", self._plan.input_size, x_t)
        batched = columns != ()
        before = arguments.states(function, self._plan, "state", state, columns, "x_t")
        if reset is not None:
            reset = _check.mask(function, "reset", reset, columns)
            reset = reset if batched else bool(reset)
        found = stack.forward(sublayers, 1, x, before, False, None, reset)
        output, following = found  # type: ignore[misc]  # plain arrays are taken
        return output[0], following

    def _run(
        self,
        function: str,
        sublayers: tuple[Any, ...],
        input: Any,
        hx: Any,
        lengths: Any,
        reset: tuple[Any, Any],
        records: list[Any] | None,
        noise: Sequence[NDArray[Any]] = (),
    ) -> tuple[NDArray[Any], Any]:
        """Run the model over sequences: with the arguments as they are, or made plain where that is needed."""
        directions, batch_first = self._plan.directions, self.batch_first
        x, numbers, resets, to_initial, (flags, reset_to) = input, None, None, False, reset
        if type(input) is not np.ndarray or input.dtype.kind in "iu":
            numbers = tokens.numbers_in(function, "input", input, 2)
        sizes = arguments.sizes_of(x if numbers is None else numbers[..., None], batch_first)
        if flags is not None or reset_to is not ZEROS:
            to_initial = _check_resets.to_initial(function, reset_to)
            resets = arguments.resets(flags, sizes is not None, batch_first, to_initial)
        ragged = None if lengths is None or sizes is None else calls.lengths(lengths, *sizes)
        if numbers is not None:
            batched = tokens.has_batch(hx, 3) or getattr(flags, "ndim", 0) > 1
            x, ragged = tokens.of_call(function, self._plan, numbers, input, lengths, ragged, batch_first, batched)
        if (lengths is None or ragged is not None) and (flags is None or resets is not None):
            found = stack.forward(sublayers, directions, x, hx, batch_first, ragged, None, records, noise, resets)
            if found is not None:
                return found
        if records:  # of an attempt that a later layer refused
            records.clear()
        if numbers is None:
            x = arguments.sequences(function, self._plan, input, batch_first)
            sizes = arguments.sizes_of(x, batch_first)
        if lengths is not None and numbers is None:
            T, m = sizes or (len(x), 1)
            ragged = calls.lengths(_check.lengths(function, lengths, T, m, batched=sizes is not None), T, m)
        if flags is not None:
            T, m = sizes or (x.shape[0], 1)
            flags = _check_resets.flags(function, flags, T, m, batched=sizes is not None, batch_first=batch_first)
            resets = calls.resets_of(flags, to_initial)
        columns = () if sizes is None else sizes[1:]
        before = arguments.states(function, self._plan, "hx", hx, columns, "input")
        return stack.forward(  # type: ignore[return-value]  # plain arrays are taken
            sublayers, directions, x, before, batch_first, ragged, None, records, noise, resets
        )
