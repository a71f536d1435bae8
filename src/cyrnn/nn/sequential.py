"""Sequential: modules that follow each other, as one model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _check, _check_sequential
from .convert import ALSO
from .derived import Derived
from .tape import Gradients, SequentialTape
from .typed import ResetTo

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Sequential(Derived):
    """Modules that follow each other, as torch.nn.Sequential: each takes what the one before gives.

    Parameters
    ----------
    *modules : RNN, LSTM, GRU, Linear, Embedding, LayerNorm, Dropout, LastStep or Sequential
        In the order in which they are called. They are the model's own, not copies.

    Raises
    ------
    ValueError, TypeError
        If a module is none of these, or is there twice; if sizes, dtypes or batch_first do not fit; if there are no
        weights.

    See Also
    --------
    LSTM : Recurrent layers, which a model begins with, or has in its middle.
    Linear : A linear layer.

    Notes
    -----
    The names of weights are torch's: "0.weight", "1.weight_ih_l0". `getattr(model, "0.weight")` is the attribute of the
    module. The order of axes, `batch_first`, is that of the recurrent layers; the other modules take it from them. What
    stands behind `LastStep` has one row for each sequence, (N, features).

    References
    ----------
    torch.nn.Sequential, PyTorch 2.

    Examples
    --------
    >>> layers = cyrnn.nn.Embedding(100, 8, rng=0), cyrnn.nn.GRU(8, 16, rng=1), cyrnn.nn.LastStep()
    >>> model = cyrnn.nn.Sequential(*layers, cyrnn.nn.Linear(16, 2, rng=2))
    >>> scores, (h_n,) = model([[4, 8], [15, 16], [23, 42]], lengths=[3, 2])
    >>> scores.shape, h_n.shape
    ((2, 2), (1, 2, 16))
    """

    def __init__(self, *modules: Any) -> None:
        self._assemble(modules)

    def __call__(
        self,
        input: ArrayLike,
        hx: Any = None,
        *,
        lengths: ArrayLike | None = None,
        reset: ArrayLike | None = None,
        reset_to: ResetTo = "zeros",
    ) -> tuple[NDArray[Any], tuple[Any, ...]]:
        """Run the model over whole sequences.

        Parameters
        ----------
        input : ndarray
            What the first module takes: (L, N, features), or (N, L, features) with `batch_first`, or (L, features);
            whole numbers (L, N) for an Embedding, or as tokens for a recurrent layer.
        hx : tuple, optional
            For each recurrent layer its state, as a call of it takes it, or None. Zeros if left out.
        lengths : array of N whole numbers, optional
            How many steps each sequence of a batch has.
        reset : bool array of shape (L, N), or (N, L) with `batch_first`, optional
            Before which steps the states of a sequence are reset.
        reset_to : "zeros" or "hx"
            What to: zeros, or the states that hx has.

        Returns
        -------
        output : ndarray
            What the last module gives.
        state : tuple
            For each recurrent layer, in order, its state after the last step; an LSTM's is a pair.

        Raises
        ------
        ValueError, TypeError
            As the modules do; the sentence says which.

        See Also
        --------
        forward : The same with a tape, for `backward`.
        step : One step of a stream.

        Notes
        -----
        The bits are those of calling one module after the other.

        Examples
        --------
        >>> model = cyrnn.nn.Sequential(cyrnn.nn.LSTM(3, 5, rng=0), cyrnn.nn.Linear(5, 2, rng=1))
        >>> output, ((h_n, c_n),) = model(np.ones((7, 4, 3), np.float32))
        >>> output.shape, c_n.shape
        ((7, 4, 2), (1, 4, 5))
        """
        function = type(self).__name__
        states, given = self._begin(function, hx, lengths, (reset, reset_to), None)
        x: Any = input
        found: list[Any] = []
        link = self._links[0]
        try:
            for link, hx in zip(self._links, states, strict=True):
                x, state = link.call(x, hx, given)
                if link.recurrent:
                    found.append(state)
        except (ValueError, TypeError) as error:
            _check_sequential.inside(function, link.name, error)
        return x, tuple(found)

    def forward(
        self,
        input: ArrayLike,
        hx: Any = None,
        *,
        lengths: ArrayLike | None = None,
        reset: ArrayLike | None = None,
        reset_to: ResetTo = "zeros",
        dropout_rng: np.random.Generator | int | None = None,
    ) -> tuple[NDArray[Any], tuple[Any, ...], SequentialTape]:
        """Run the model over whole sequences, and keep what `backward` needs.

        Parameters
        ----------
        input, hx, lengths, reset, reset_to
            As for a call. `input` is kept, not copied: leave it as it is until `backward`.
        dropout_rng : Generator or seed, optional
            Where the numbers for dropout come from, of all modules in their order; there is none if left out. A seed
            gives the same mask at every call: one Generator serves a training.

        Returns
        -------
        output, state
            As from a call: the same bits, where there is no dropout.
        tape : SequentialTape
            The pass, with the weights it used.

        Raises
        ------
        ValueError, TypeError
            As a call does.

        See Also
        --------
        backward : The gradients, from the tape.

        Examples
        --------
        >>> layers = cyrnn.nn.LSTM(3, 5, rng=0), cyrnn.nn.Dropout(0.1), cyrnn.nn.Linear(5, 2, rng=1)
        >>> cyrnn.nn.Sequential(*layers).forward(np.ones((7, 4, 3), np.float32), dropout_rng=0)[2]
        <tape of Sequential: 3 modules, output (7, 4, 2)>
        """
        function = f"{type(self).__name__}.forward"
        rng = None if dropout_rng is None else _check.generator(function, "dropout_rng", dropout_rng)
        states, given = self._begin(function, hx, lengths, (reset, reset_to), rng)
        x: Any = input
        found: list[Any] = []
        tapes: list[Any] = []
        link = self._links[0]
        try:
            for link, hx in zip(self._links, states, strict=True):
                x, state, tape = link.forward(x, hx, given)
                tapes.append(tape)
                if link.recurrent:
                    found.append(state)
        except (ValueError, TypeError) as error:
            _check_sequential.inside(function, link.name, error)
        return x, tuple(found), SequentialTape(self._kinds, tapes, (x.shape, x.dtype))

    def backward(
        self, tape: SequentialTape, d_output: ArrayLike | None, d_state: Any = None
    ) -> Gradients[Any, tuple[Any, ...]]:
        """Go back through a pass of `forward`, through all modules.

        Parameters
        ----------
        tape : SequentialTape
            The last of what `forward` returned; it can be used again.
        d_output : ndarray of the shape of output, or None for zeros
            Gradient of the loss with respect to output. What lies behind the end of a sequence is not read.
        d_state : tuple, optional
            For each recurrent layer the gradient with respect to its state, or None. Zeros if left out.

        Returns
        -------
        Gradients
            A named tuple: `input`, None where that was of whole numbers; `hx`, a tuple of what each recurrent layer
            gives; `weights`, a dict with the names of `state_dict`.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes, another dtype or kind, a tape of a model of other modules; the sentence says where.

        See Also
        --------
        forward : What makes the tape.

        Examples
        --------
        >>> model = cyrnn.nn.Sequential(cyrnn.nn.LSTM(3, 5, rng=0), cyrnn.nn.Linear(5, 2, rng=1))
        >>> output, state, tape = model.forward(np.ones((7, 4, 3), np.float32))
        >>> gradients = model.backward(tape, np.ones_like(output))
        >>> gradients.input.shape, gradients.weights["1.bias"].tolist()
        ((7, 4, 3), [28.0, 28.0])
        """
        function = f"{type(self).__name__}.backward"
        _check_sequential.tape_of(function, tape, SequentialTape)
        if tape.kinds != self._kinds:
            _check_sequential.another_tape(function, tape)
        d_states = self._of_links(_check_sequential.states(function, "d_state", d_state, len(self._recurrent)))
        d: Any = d_output
        if d is None and not self._links[-1].recurrent:
            d = np.zeros(*tape.output)
        found: list[Any] = []
        link = self._links[-1]
        try:
            for link, of_link, d_state in zip(self._links[::-1], tape.tapes[::-1], d_states[::-1], strict=True):
                d, *others = link.backward(of_link, d, d_state)
                found.append((link, *others))
        except (ValueError, TypeError) as error:
            _check_sequential.inside(function, link.name, error)
        found.reverse()
        weights = {f"{link.name}.{key}": value for link, _, part in found for key, value in part.items()}
        return Gradients(d, tuple([d_hx for link, d_hx, _ in found if link.recurrent]), weights)

    def step(
        self, x_t: ArrayLike, state: Any = None, *, reset: ArrayLike | None = None
    ) -> tuple[NDArray[Any], tuple[Any, ...]]:
        """Run the model for one step of a stream.

        Parameters
        ----------
        x_t : ndarray of shape (N, features) or (features,)
            Or whole numbers, (N,) or one, where the model takes those.
        state : tuple, optional
            What the last step returned. Zeros if left out.
        reset : bool array of shape (N,), or a bool where there is no batch, optional
            Which streams start from zeros.

        Returns
        -------
        output : ndarray
            What the last module gives; behind `LastStep`, of this step.
        state : tuple
            For each recurrent layer its state, in new arrays.

        Raises
        ------
        ValueError, TypeError
            As the modules do; the sentence says which. A model with a layer in both directions has no step.

        See Also
        --------
        __call__ : Over whole sequences.

        Examples
        --------
        >>> model = cyrnn.nn.Sequential(cyrnn.nn.LSTM(3, 5, rng=0), cyrnn.nn.Linear(5, 2, rng=1))
        >>> state = None
        >>> for frame in np.ones((7, 3), np.float32):
        ...     output, state = model.step(frame, state)
        >>> output.shape
        (2,)
        """
        function = f"{type(self).__name__}.step"
        if reset is not None and not self._recurrent:
            _check_sequential.no_resets(function)
        states = self._of_links(_check_sequential.states(function, "state", state, len(self._recurrent)))
        x: Any = x_t
        found: list[Any] = []
        link = self._links[0]
        try:
            for link, before in zip(self._links, states, strict=True):
                x, following = link.step(x, before, reset)
                if link.recurrent:
                    found.append(following)
        except (ValueError, TypeError) as error:
            _check_sequential.inside(function, link.name, error)
        return x, tuple(found)


ALSO["Sequential"] = Sequential
