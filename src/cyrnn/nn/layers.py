"""RNN and GRU: layers of a recurrent cell, and how layers begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..cells import PLAIN, Variant
from . import _check
from .differentiable import Differentiable
from .typed import DType, F, One
from .variants import GRU_OPTIONS, RNN_OPTIONS, OfGRU, OfRNN, gru_cell, rnn_cell
from .weights import Plan

#: the options of every class of layers, and their defaults
LAYER_OPTIONS: dict[str, Any] = {
    "num_layers": 1,
    "bias": True,
    "batch_first": False,
    "dropout": 0.0,
    "bidirectional": False,
}


class RNN(OfRNN, Differentiable[F, One[F]]):
    """Layers of the plain recurrent cell, as torch.nn.RNN.

    Step t of a layer is::

        h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), or max(., 0) in the place of tanh

    Parameters
    ----------
    input_size, hidden_size : int
        Features of the input; units of each layer, H_out.
    num_layers : int
        How many layers; each reads the output of the one below.
    nonlinearity : str or tuple
        "tanh" or "relu"; or another activation, see `LSTM`.
    bias : bool
        If False, there are no `bias_ih_l0` and so on; they count as zero.
    batch_first : bool
        Whether a batch of inputs is (N, L, input_size), not (L, N, input_size). It does not apply to states.
    dropout : float
        From 0 to 1: the probability with which `forward` drops a value between layers, if it is given a generator.
    bidirectional : bool
        Whether each layer reads its sequences from the end, too. D is 2 then, else 1.
    dtype : dtype
        Of weights and results: float32 or float64. Inputs have to be of it.
    rng : Generator or seed, optional
        What the weights are drawn from, uniformly up to 1 / sqrt(hidden_size) either way.
    clip : float, optional
        Limit of what goes into the nonlinearity: it stays within -clip .. clip.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    See Also
    --------
    LSTM : Layers whose cell has gates and a memory.
    GRU : Layers whose cell has gates.
    RNNCell : One step of one layer.
    cyrnn.rnn_forward : The notebook's function.

    Notes
    -----
    Weights, with torch's names and shapes: `weight_ih_l0` (hidden_size, input_size), `weight_hh_l0`
    (hidden_size, hidden_size), `bias_ih_l0`, `bias_hh_l0` (hidden_size,); `_l1` and so on for the layers above, whose
    input has D * hidden_size features; `_l0_reverse` for the other direction. They are attributes: see `pack`.

    References
    ----------
    Elman 1990, "Finding structure in time"; torch.nn.RNN, PyTorch 2.

    Examples
    --------
    >>> rnn = cyrnn.nn.RNN(3, 5, nonlinearity="tanh", rng=0)
    >>> output, h_n = rnn(np.ones((7, 2, 3), np.float32))
    >>> output.shape, h_n.shape
    ((7, 2, 5), (1, 2, 5))
    """

    _options: ClassVar[dict[str, Any]] = {"nonlinearity": "tanh"} | LAYER_OPTIONS
    _variants: ClassVar[dict[str, Any]] = RNN_OPTIONS

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str | tuple[Any, ...] = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: DType[F] = np.float32,  # type: ignore[assignment]  # the default of F
        rng: np.random.Generator | int | None = None,
        clip: float | None = None,
    ) -> None:
        cell, variant = rnn_cell("RNN", nonlinearity, clip)
        sizes = input_size, hidden_size, num_layers
        build(self, cell, *sizes, bias, batch_first, dropout, bidirectional, 0, dtype, rng, variant)

    if TYPE_CHECKING:

        def double(self) -> RNN[np.float64]: ...

class GRU(OfGRU, Differentiable[F, One[F]]):
    """Layers of the gated recurrent unit, as torch.nn.GRU.

    Its reset gate stands behind the hidden product. Step t of a layer is::

        r = sigmoid(W_ir x_t + b_ir + W_hr h_(t-1) + b_hr)      z likewise
        n = tanh(W_in x_t + b_in + r * (W_hn h_(t-1) + b_hn))
        h_t = z * h_(t-1) + (1 - z) * n

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype, rng
        As for `RNN`.
    reset_after : bool
        If False, the reset gate stands before the product: n = tanh(W_in x_t + b_in + W_hn (r * h_(t-1)) + b_hn), as
        in Cho et al., ONNX's default, Paddle 1's operators, Keras with reset_after=False.
    recurrent_activation, activation, clip
        As for `LSTM`: the activation of r and z, that of n, the limit of what goes into them.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    See Also
    --------
    LSTM : Layers whose cell has a memory, too.
    GRUCell : One step of one layer.
    cyrnn.gru_forward : The notebook's function, of both forms.

    Notes
    -----
    Weights as for `RNN`, with 3 * hidden_size rows in the order r, z, n. The notebook calls r, z, n `rt zt cct`.

    References
    ----------
    Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder"; torch.nn.GRU, PyTorch 2.

    Examples
    --------
    >>> gru = cyrnn.nn.GRU(3, 5, batch_first=True, rng=0)
    >>> output, h_n = gru(np.ones((2, 7, 3), np.float32))
    >>> output.shape, h_n.shape
    ((2, 7, 5), (1, 2, 5))
    """

    _options: ClassVar[dict[str, Any]] = LAYER_OPTIONS
    _variants: ClassVar[dict[str, Any]] = GRU_OPTIONS

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: DType[F] = np.float32,  # type: ignore[assignment]  # the default of F
        rng: np.random.Generator | int | None = None,
        reset_after: bool = True,
        recurrent_activation: str | tuple[Any, ...] = "sigmoid",
        activation: str | tuple[Any, ...] = "tanh",
        clip: float | None = None,
    ) -> None:
        cell, variant = gru_cell("GRU", reset_after, recurrent_activation, activation, clip)
        sizes = input_size, hidden_size, num_layers
        build(self, cell, *sizes, bias, batch_first, dropout, bidirectional, 0, dtype, rng, variant)

    if TYPE_CHECKING:

        def double(self) -> GRU[np.float64]: ...


def build(
    model: Differentiable[Any, Any],
    cell: str,
    input_size: Any,
    hidden_size: Any,
    num_layers: Any,
    bias: Any,
    batch_first: Any,
    dropout: Any,
    bidirectional: Any,
    proj_size: Any,
    dtype: Any,
    rng: Any,
    variant: Variant = PLAIN,
    peephole: bool = False,
) -> None:
    """Check what a constructor was given, and let the model begin."""
    function = type(model).__name__
    units = _check.whole_number(function, "hidden_size", hidden_size, least=1)
    plan = Plan(
        cell,
        _check.whole_number(function, "input_size", input_size, least=0),
        units,
        _check.floating(function, dtype),
        _check.flag(function, "bias", bias),
        _check.whole_number(function, "num_layers", num_layers, least=1),
        2 if _check.flag(function, "bidirectional", bidirectional) else 1,
        _check.projection(function, proj_size, units),
        variant=variant,
        peephole=peephole,
    )
    model.batch_first = _check.flag(function, "batch_first", batch_first)
    model.dropout = _check.probability(function, "dropout", dropout)
    _check.between_layers(model.dropout, plan.num_layers)
    model._begin(plan, rng)
