"""The calls of a model of layers: over whole sequences, step by step, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cells.spec import Array
from . import _check, stack
from .batch import Batch
from .module import Module
from .tape import Gradients, Tape, dropout_noise
from .weights import Plan


class Recurrent(Module):
    """Layers of a recurrent cell, in one direction or in both; see Module."""

    batch_first: bool
    dropout: float

    def __call__(self, input: Any, hx: Any = None, *, lengths: Any = None, return_gates: bool = False) -> Any:
        """Run the model over whole sequences.

        Parameters
        ----------
        input : ndarray of shape (L, N, input_size), or (N, L, input_size) with `batch_first`, or (L, input_size)
            Of the dtype of the model; any strides. The last shape is one sequence without a batch.
        hx : ndarray, or a pair of them for an LSTM, optional
            h_0 (D * num_layers, N, H_out) and c_0 (D * num_layers, N, hidden_size), without N where `input` has none;
            layers first, then directions. Zeros if left out.
        lengths : array of N whole numbers, optional
            How many steps each sequence of a batch has, from 0 to L, in any order; what lies behind is not read.
        return_gates : bool
            Whether the gates of every step are returned, too.

        Returns
        -------
        output : ndarray of shape (L, N, D * H_out), or as `input` was given
            Hidden states of the last layer; zero behind the end of a sequence.
        state : ndarray, or a pair of them for an LSTM
            h_n, or (h_n, c_n), as `hx`: after the own last step of each sequence. Without a step it is as `hx` was.
        gates : list of dicts, with `return_gates`
            For each layer and direction, in the order of h_n: name to array, as `output` but (L, N, hidden_size).
            The names are the notebook's: `ft it cct ot` for an LSTM, `zt rt cct` for a GRU; an RNN has no gates.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes and lengths, another dtype or kind; before any work.

        Notes
        -----
        The bits of a sequence do not depend on the rest of its batch, nor on its place there: with `lengths` they are
        those of the sequence alone. A ragged batch takes time in proportion to the sum of its lengths. Dropout has no
        part in this. float16 is computed in float32, integers and bools in float64, as everywhere in cyrnn: a float32
        model refuses float64 and integers.

        Examples
        --------
        >>> lstm = cyrnn.nn.LSTM(3, 5, rng=0)
        >>> output, (h_n, c_n) = lstm(np.ones((7, 2, 3), np.float32), lengths=[7, 4])
        >>> np.array_equal(h_n[0, 1], output[3, 1]), output[4:, 1].any()
        (True, np.False_)
        """
        sublayers = self._sublayers
        if lengths is None and not return_gates:
            found = stack.quickly(sublayers, input, hx, self.batch_first)
            if found is not None:
                return found
        batch, x, initial = self._enter(type(self).__name__, input, hx, lengths)
        run = stack.run(sublayers, x, initial, batch, keep=return_gates)
        output, state = batch.given(run.output), self._leave(batch, run.states)
        if not return_gates:
            return output, state
        D, names = self._plan.directions, self._plan.cell.stored_gates
        gates = [
            {
                name: batch.given(batch.unsort(batch.flip(trace.gates[:, g]) if k % D else trace.gates[:, g]))
                for g, name in enumerate(names)
            }
            for k, trace in enumerate(run.traces)
        ]
        return output, state, gates

    def step(self, x_t: Any, state: Any = None, *, reset: Any = None) -> Any:
        """Run the model for one step of a stream.

        Parameters
        ----------
        x_t : ndarray of shape (N, input_size) or (input_size,)
        state : ndarray, or a pair of them for an LSTM, optional
            What the last step returned; as `hx` of a call. Zeros if left out.
        reset : bool array of shape (N,), or a bool where there is no batch, optional
            Which streams begin anew: their state is zero before this step.

        Returns
        -------
        output : ndarray of shape (N, H_out) or (H_out,)
        state : ndarray, or a pair of them for an LSTM
            New arrays: that of the step before stays as it was.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes, another dtype or kind, or if the model is bidirectional; before any work.

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
        sublayers = self._sublayers
        if type(x_t) is np.ndarray and self._plan.directions == 1:
            plain, begun = stack.begun_anew(state, reset, x_t.shape[:-1])
            found = stack.quickly(sublayers, x_t[None], begun, False) if plain else None
            if found is not None:
                return found[0][0], found[1]
        function, plan = f"{type(self).__name__}.step", self._plan
        _check.one_direction(function, plan.directions)
        x = _check.array(function, "x_t", x_t, plan.dtype)
        batched = _check.features(function, "x_t", x, "N", plan.input_size)
        batch = Batch(1, len(x) if batched else 1, batched=batched)
        states = self._states(function, "state", state, batch, "x_t")
        before = [_zeros(plan, k, batch) if given is None else given for k, given in enumerate(states)]
        if reset is not None:
            mask = _check.mask(function, "reset", reset, (batch.m,) if batched else ())
            before = [np.where(mask[..., None], plan.dtype.type(0), given) for given in before]
        output, following = stack.step(sublayers, x if batched else x[None], before)
        return output if batched else output[0], self._leave(batch, following)

    def forward(
        self, input: Any, hx: Any = None, *, lengths: Any = None, dropout_rng: Any = None
    ) -> tuple[Array, Any, Tape]:
        """Run the model over whole sequences, and keep what `backward` needs.

        Parameters
        ----------
        input, hx, lengths
            As for a call. `input` is kept, not copied: leave it as it is until `backward`.
        dropout_rng : Generator or seed, optional
            Where the numbers for dropout between layers come from; there is no dropout if left out. Kept values are
            multiplied by 1 / (1 - dropout).

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

        Examples
        --------
        >>> lstm = cyrnn.nn.LSTM(3, 5, num_layers=2, dropout=0.1, rng=0)
        >>> lstm.forward(np.ones((7, 2, 3), np.float32), dropout_rng=np.random.default_rng(1))[2]
        <tape of a model lstm, 3 -> 5: L = 7, N = 2>
        """
        function, plan, sublayers = f"{type(self).__name__}.forward", self._plan, self._sublayers
        batch, x, initial = self._enter(function, input, hx, lengths)
        if x.shape[2] > 1 and x.strides[2] != x.itemsize:
            x = x.copy()  # the way back wants the features of a step side by side
        p, noise = _check.probability(function, "dropout", self.dropout), []
        if dropout_rng is not None:
            generator = _check.generator(function, "dropout_rng", dropout_rng)
            noise = dropout_noise(plan, batch, p, generator) if p else []
        run = stack.run(sublayers, x, initial, batch, keep=True, noise=noise)
        tape = Tape(plan, batch, sublayers, run.traces, noise)
        return batch.given(run.output).copy(), self._leave(batch, run.states), tape

    def backward(self, tape: Tape, d_output: Any, d_state: Any = None) -> Gradients:
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
            A named tuple: `input`, zero behind the end of a sequence; `hx`, an array or the pair for an LSTM;
            `weights`, a dict with the names of `state_dict`.

        Raises
        ------
        ValueError, TypeError
            For wrong shapes, another dtype or kind, a tape of another model; before any work.

        Notes
        -----
        The gradients of input and hx have the bits of the sequence alone, as results do. Those of the weights are sums
        over steps and batch in a fixed order, which depends on the order of the batch.

        Examples
        --------
        >>> lstm = cyrnn.nn.LSTM(3, 5, rng=0)
        >>> output, state, tape = lstm.forward(np.ones((7, 2, 3), np.float32))
        >>> gradients = lstm.backward(tape, np.ones_like(output))
        >>> gradients.input.shape, gradients.weights["weight_ih_l0"].shape
        ((7, 2, 3), (20, 3))
        """
        function, plan = f"{type(self).__name__}.backward", self._plan
        _check.kept_by(function, tape, Tape, plan)
        batch, D = tape.batch, plan.directions
        dy = np.zeros((batch.T, batch.m, D * plan.output_size), plan.dtype)
        if d_output is not None:
            given = _check.array(function, "d_output", d_output, plan.dtype)
            if given.shape != batch.given(dy).shape:
                axes = batch.axes("D * H_out")
                _check.wrong_shape(function, "d_output", given, axes, batch.given(dy).shape, "the shape of output")
            dy = batch.rows(given)
        states = self._states(function, "d_state", d_state, batch, "input of forward")
        last = [_zeros(plan, k, batch) if given is None else given for k, given in enumerate(states)]
        found = stack.backward(tape.sublayers, tape.traces, batch, dy, last, tape.noise)
        return Gradients(batch.given(found.x), self._leave(batch, found.initial), found.weights)

    @property
    def num_layers(self) -> int:
        return self._plan.num_layers

    @property
    def bidirectional(self) -> bool:
        return self._plan.directions == 2

    def _enter(self, function: str, input: Any, hx: Any, lengths: Any) -> tuple[Batch, Array, list[Array | None]]:
        """Check what a pass is called with; return its batch, x (T, m, n_x) and the initial states."""
        x = _check.array(function, "input", input, self._plan.dtype)
        axes = "N, L" if self.batch_first else "L, N"
        batched = _check.features(function, "input", x, axes, self._plan.input_size)
        T, m = (x.shape[0], 1) if not batched else x.shape[1::-1] if self.batch_first else x.shape[:2]
        if lengths is not None:
            lengths = _check.lengths(function, lengths, T, m, batched=batched)
        batch = Batch(T, m, batched=batched, batch_first=bool(self.batch_first), lengths=lengths)
        return batch, batch.rows(x), self._states(function, "hx", hx, batch, "input")

    def _states(self, function: str, argument: str, value: Any, batch: Batch, source: str) -> list[Array | None]:
        """Check states of all sublayers, or gradients of them; return them as they are run, None for zeros."""
        plan = self._plan
        if value is None:
            return [None] * len(plan.state_sizes)
        found: list[Array | None] = []
        leading = (plan.sublayers, batch.m) if batch.batched else (plan.sublayers,)
        parts = _check.states(function, argument, value, len(plan.state_sizes))
        for (name, given), size in zip(parts, plan.state_sizes, strict=True):
            if given is None and argument == "d_state":
                found.append(None)
                continue
            array = _check.array(function, name, given, plan.dtype)
            if array.shape != (*leading, size):
                last = "H_out" if not found else "hidden_size"
                _check.wrong_state(function, name, array, ("D * num_layers",), last, (*leading, size), source)
            found.append(batch.columns(array))
        return found

    def _leave(self, batch: Batch, states: tuple[Array, ...]) -> Any:
        """Return states as the caller has them: the hidden one, or the pair of an LSTM."""
        given = tuple(batch.given_columns(state) for state in states)
        return given if len(given) > 1 else given[0]


def _zeros(plan: Plan, state: int, batch: Batch) -> Array:
    return np.zeros((plan.sublayers, batch.m, plan.state_sizes[state]), plan.dtype)
