"""The pass of a model of layers that can be gone back through, and the pass back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic

from ..calls import stack
from . import _check, arguments, tokens
from .recurrent import Recurrent
from .tape import Gradients, Tape, dropout_noise
from .typed import F, ResetTo, S
from .weights import named

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


class Differentiable(Recurrent[F, S], Generic[F, S]):
    """Layers of a recurrent cell that know their gradients; see Module."""

    @property
    def num_layers(self) -> int:
        """How many layers there are."""
        return self._plan.num_layers

    @property
    def bidirectional(self) -> bool:
        """Whether each layer reads its sequences from the end, too."""
        return self._plan.directions == 2

    def forward(
        self,
        input: ArrayLike,
        hx: ArrayLike | None = None,
        *,
        lengths: ArrayLike | None = None,
        reset: ArrayLike | None = None,
        reset_to: ResetTo = "zeros",
        dropout_rng: np.random.Generator | int | None = None,
    ) -> tuple[NDArray[F], S, Tape]:
        """Run the model over whole sequences, and keep what `backward` needs.

        Parameters
        ----------
        input, hx, lengths, reset, reset_to
            As for a call. `input` is kept, not copied: leave it as it is until `backward`. Tokens are copied.
        dropout_rng : Generator or seed, optional
            Where the numbers for dropout between layers come from; there is no dropout if left out. Kept values are
            multiplied by 1 / (1 - dropout). A seed gives the same mask at every call: one Generator serves a training.

        Returns
        -------
        output, state
            As from a call: the same bits, where there is no dropout.
        tape : Tape
            The pass, with the weights it used: `pack` and `load_state_dict` do not reach it.

        Raises
        ------
        ValueError, TypeError
            As a call does.

        See Also
        --------
        backward : The gradients, from the tape.

        Examples
        --------
        >>> lstm = cyrnn.nn.LSTM(3, 5, num_layers=2, dropout=0.1, rng=0)
        >>> lstm.forward(np.ones((7, 2, 3), np.float32), dropout_rng=np.random.default_rng(1))[2]
        <tape of a model lstm, 3 -> 5: L = 7, N = 2>
        """
        function, plan, sublayers = f"{type(self).__name__}.forward", self._plan, self._sublayers
        self._trained(function)
        p = _check.probability(function, "dropout", self.dropout)
        noise: Sequence[NDArray[Any]] = ()
        if dropout_rng is not None:
            generator = _check.generator(function, "dropout_rng", dropout_rng)
            x = tokens.numbers_in(function, "input", input, 2)
            if x is None:
                input = x = arguments.sequences(function, plan, input, self.batch_first)
            else:
                input, x = x, x[..., None]
            noise = dropout_noise(plan, x, self.batch_first, p, generator) if p else ()
        records: list[Any] = []
        output, state = self._run(function, sublayers, input, hx, lengths, (reset, reset_to), records, noise)
        return output.copy(), state, Tape(plan, sublayers, records, noise, output.shape, self.batch_first)

    def backward(
        self, tape: Tape, d_output: ArrayLike | None, d_state: ArrayLike | Sequence[ArrayLike | None] | None = None
    ) -> Gradients[F, S]:
        """Go back through a pass of `forward`: back-propagation through time, through all layers.

        Parameters
        ----------
        tape : Tape
            The last of what `forward` returned; it can be used again.
        d_output : ndarray of the shape of output, or None for zeros
            Gradient of the loss with respect to output. What lies behind the end of a sequence is not read.
        d_state : ndarray, or a pair of them for an LSTM, optional
            Gradient with respect to state. Zeros if left out; one of the pair may be None.

        Returns
        -------
        Gradients
            A named tuple: `input`, zero behind the end of a sequence, None of tokens; `hx`, an array or the pair for an
            LSTM; `weights`, a dict with the names of `state_dict`.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes, another dtype or kind, a tape of a model of other sizes; before any work.

        See Also
        --------
        forward : What makes the tape.
        cyrnn.training.Adam : What makes better weights of the gradients.

        Notes
        -----
        The gradients of input and hx have the bits of the sequence alone, as results do. Those of the weights are sums
        over steps and batch in a fixed order, which depends on the order of the batch. No gradient passes a reset: that
        of hx is what comes before the first one, none where step 0 is one; with reset_to="hx" that of every part is
        added, the last one first. Gradients of input have the bits of the parts, those of weights are one sum over all.

        Examples
        --------
        >>> lstm = cyrnn.nn.LSTM(3, 5, rng=0)
        >>> output, state, tape = lstm.forward(np.ones((7, 2, 3), np.float32))
        >>> gradients = lstm.backward(tape, np.ones_like(output))
        >>> gradients.input.shape, gradients.weights["weight_ih_l0"].shape
        ((7, 2, 3), (20, 3))
        """
        function, plan = f"{type(self).__name__}.backward", self._plan
        self._trained(function)
        _check.kept_by(function, tape, Tape, plan)
        found = stack.backward(tape.sublayers, plan.directions, tape.records, d_output, d_state, tape.noise)
        if found is None:
            d_output, d_state = arguments.gradients(function, tape, d_output, d_state)
            found = stack.backward(tape.sublayers, plan.directions, tape.records, d_output, d_state, tape.noise)
        dx, d_initial, weights = found  # type: ignore[misc]  # plain arrays are taken
        return Gradients(dx, d_initial, named(plan, weights))
