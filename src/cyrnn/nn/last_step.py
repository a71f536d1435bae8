"""LastStep: of every sequence the last step, for a head that has one answer for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from . import _check, _check_sequential
from .dropout import InputGradients

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class LastStepTape:
    """A forward pass, for `backward`: which step of every sequence was taken."""

    __slots__ = ("batch_first", "dtype", "half", "lengths", "shape")

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        lengths: NDArray[Any] | None,
        half: int,
        batch_first: bool,
    ) -> None:
        self.shape, self.dtype, self.lengths, self.half = shape, dtype, lengths, half
        self.batch_first = batch_first

    def __repr__(self) -> str:
        return f"<tape of LastStep: {self.shape}>"

    def __reduce__(self) -> NoReturn:
        _check.tape_stays()


class LastStep:
    """The last step of every sequence: (L, N, features) -> (N, features).

    Parameters
    ----------
    bidirectional : bool
        Whether the second half of the features was read from the end: it is taken of step 0 then, the last that it came
        to. Both halves are h_n of the layer.
    batch_first : bool
        Whether a batch is (N, L, features), not (L, N, features).

    Raises
    ------
    TypeError
        If an argument is not as above.

    See Also
    --------
    Sequential : A model that may have it in its middle.
    Linear : The usual head behind it.

    Notes
    -----
    A `Sequential` finds out both arguments: `LastStep()` has the order of axes of the recurrent layers, and takes
    halves right behind a layer in both directions, or with nothing but Dropout between.

    A sequence without a step has zeros. In `step` of a Sequential every step is the last so far.

    Examples
    --------
    >>> x = np.arange(6.0).reshape(3, 2, 1)
    >>> cyrnn.nn.LastStep()(x, lengths=[3, 1]).tolist()
    [[4.0], [1.0]]
    """

    def __init__(self, *, bidirectional: bool = False, batch_first: bool = False) -> None:
        self.bidirectional = _check.flag("LastStep", "bidirectional", bidirectional)
        self.batch_first = _check.flag("LastStep", "batch_first", batch_first)

    def __call__(self, input: ArrayLike, *, lengths: ArrayLike | None = None) -> NDArray[Any]:
        """Return the last step of every sequence.

        Parameters
        ----------
        input : ndarray of shape (L, N, features), or (N, L, features) with `batch_first`, or (L, features)
            Of float32 or float64.
        lengths : array of N whole numbers, optional
            How many steps each sequence of a batch has, from 0 to L.

        Returns
        -------
        ndarray of shape (N, features), or (features,)
            Zero for a sequence without a step.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes and lengths, another dtype or kind.

        See Also
        --------
        forward : The same with a tape, for `backward`.

        Examples
        --------
        >>> output, h_n = cyrnn.nn.GRU(3, 5, bidirectional=True, rng=0)(np.ones((7, 4, 3), np.float32))
        >>> last = cyrnn.nn.LastStep(bidirectional=True)(output)
        >>> np.array_equal(last, np.hstack([h_n[0], h_n[1]]))
        True
        """
        return self._run("LastStep", input, lengths, self.batch_first, self.bidirectional)[0]

    def forward(
        self, input: ArrayLike, *, lengths: ArrayLike | None = None
    ) -> tuple[NDArray[Any], LastStepTape]:
        """Return the last step of every sequence, and keep which it was.

        Parameters
        ----------
        input, lengths
            As for a call.

        Returns
        -------
        output : ndarray of shape (N, features), or (features,)
            As from a call.
        tape : LastStepTape
            The pass, for `backward`.

        Raises
        ------
        ValueError, TypeError
            As a call does.

        See Also
        --------
        backward : The gradient, from the tape.

        Examples
        --------
        >>> cyrnn.nn.LastStep().forward(np.ones((7, 4, 5), np.float32))[1]
        <tape of LastStep: (7, 4, 5)>
        """
        return self._run("LastStep.forward", input, lengths, self.batch_first, self.bidirectional)

    def backward(self, tape: LastStepTape, d_output: ArrayLike) -> InputGradients:
        """Return the gradient of a pass of `forward`: zero but at the steps that were taken.

        Parameters
        ----------
        tape : LastStepTape
            The last of what `forward` returned.
        d_output : ndarray of the shape of output
            Gradient of the loss with respect to output.

        Returns
        -------
        InputGradients
            A named tuple: `input`; `weights`, an empty dict.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes, another dtype or kind.

        See Also
        --------
        forward : What makes the tape.

        Examples
        --------
        >>> last = cyrnn.nn.LastStep()
        >>> y, tape = last.forward(np.ones((3, 2, 1)), lengths=[3, 1])
        >>> last.backward(tape, np.ones((2, 1))).input[:, :, 0].tolist()
        [[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]
        """
        function = "LastStep.backward"
        _check_sequential.tape_of(function, tape, LastStepTape)
        batched = len(tape.shape) == 3
        wanted = tape.shape[1:] if not (tape.batch_first and batched) else (tape.shape[0], tape.shape[2])
        d = _check_sequential.gradient(function, d_output, wanted, tape.dtype)
        dx = np.zeros(tape.shape, tape.dtype)
        steps = dx.swapaxes(0, 1) if tape.batch_first and batched else dx
        if not len(steps):
            return InputGradients(dx, {})
        own, first = places(tape.lengths, batched)
        steps[(*own, slice(None, tape.half))] = d[(*own[1:], slice(None, tape.half))]
        if tape.half < d.shape[-1]:
            steps[(*first, slice(tape.half, None))] = d[(*own[1:], slice(tape.half, None))]
        return InputGradients(dx, {})

    def _run(
        self, function: str, input: Any, lengths: Any, batch_first: bool, bidirectional: bool
    ) -> tuple[NDArray[Any], LastStepTape]:
        axes = "(N, L, features)" if batch_first else "(L, N, features)"
        x = _check_sequential.floats(function, "input", input, (2, 3), f"{axes} or (L, features)")
        batched = x.ndim == 3
        steps = x.swapaxes(0, 1) if batch_first and batched else x
        if lengths is not None:
            lengths = _check.lengths(function, lengths, len(steps), steps.shape[1], batched=batched)
        half = x.shape[-1] // 2 if bidirectional else x.shape[-1]
        output, tape = np.zeros(steps.shape[1:], x.dtype), LastStepTape(x.shape, x.dtype, lengths, half, batch_first)
        if not len(steps):
            return output, tape
        own, first = places(lengths, batched)
        output[(*own[1:], slice(None, half))] = steps[(*own, slice(None, half))]
        if half < x.shape[-1]:
            output[(*own[1:], slice(half, None))] = steps[(*first, slice(half, None))]
        return output, tape

    def __repr__(self) -> str:
        names = [name for name in ("bidirectional", "batch_first") if getattr(self, name)]
        return f"LastStep({', '.join([f'{name}=True' for name in names])})"


def places(lengths: NDArray[Any] | None, batched: bool) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the indices of the own last step, and of step 0, of all sequences that have a step, in (L, N, features).

    Of one sequence, (L, features), they are a step alone.
    """
    if not batched:
        return (-1,), (0,)
    if lengths is None:
        return (-1, slice(None)), (0, slice(None))
    found = np.flatnonzero(lengths)
    return (lengths[found] - 1, found), (0, found)
