"""PyTorch: nn.LSTM, nn.GRU and nn.RNN, for a step also nn.LSTMCell and so on; with and without oneDNN."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ..contestant import Variant
from ..work import Array, Case
from . import torch_form

warnings.filterwarnings(
    "ignore", message="TF32 acceleration", category=UserWarning
)  # from mkldnn.flags, about GPUs
torch.set_num_threads(1)
with contextlib.suppress(RuntimeError):  # may be set once only
    torch.set_num_interop_threads(1)

#: a variant's call and read
Work = tuple[Callable[[], Any], Callable[[Any], dict[str, Array]]]
LAYERS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}
CELLS = {"lstm": torch.nn.LSTMCell, "gru": torch.nn.GRUCell, "rnn": torch.nn.RNNCell}


def version() -> str:
    return str(torch.__version__)


@contextlib.contextmanager
def _mode(onednn: bool) -> Iterator[None]:
    with torch.inference_mode(), torch.backends.mkldnn.flags(enabled=onednn):
        yield


@contextlib.contextmanager
def _learning(onednn: bool) -> Iterator[None]:
    with torch.enable_grad(), torch.backends.mkldnn.flags(enabled=onednn):
        yield


def modes(rival: str, name: str, make: Callable[[Case], Work], case: Case, mode: Any = _mode) -> list[Variant]:
    """Make a case's work for each mode: a stream has a state, which modes may not share."""
    return [
        Variant(rival, ", ".join(filter(None, (name, word))), *make(case), lambda onednn=onednn: mode(onednn))
        for word, onednn in (("oneDNN", True), ("native", False))
    ]


def tensor(array: Array) -> Any:
    """A copy of an array, made for inference."""
    with torch.inference_mode():
        return torch.from_numpy(array).clone()


def states(case: Case, *, layers: bool = True) -> Any:
    """h, or (h, c), as (sublayers, m, n_a), or (m, n_a) for a single cell."""
    found = [tensor(array) for array in (case.all_initial if layers else case.initial)]
    return tuple(found) if case.cell == "lstm" else found[0]


def named(case: Case, output: Any, state: Any) -> dict[str, Array]:
    """Name the results of a call; output None where it is the state."""
    arrays = tuple(each.numpy() for each in state) if case.cell == "lstm" else state.numpy()
    return torch_form.result(case, None if output is None else output.numpy(), arrays)


def _loaded(module: Any, weights: dict[str, Array]) -> Any:
    module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return module.eval().requires_grad_(False)


def layer_of(case: Case) -> Any:
    real = torch.from_numpy(case.x).dtype
    sizes = case.n_x, case.n_a, case.layers
    layer = LAYERS[case.cell](*sizes, bidirectional=case.directions == 2, dtype=real)
    return _loaded(layer, torch_form.weights(case))


def single_cell(case: Case) -> Any:
    cell = CELLS[case.cell](case.n_x, case.n_a, dtype=torch.from_numpy(case.x).dtype)
    return _loaded(cell, torch_form.weights(case, numbered=False))


def hidden(case: Case) -> list[Variant]:
    return modes("torch", "", _whole, case)


call = stack = bidirectional = hidden


def _whole(case: Case) -> Work:
    return whole(case, layer_of(case))


def whole(case: Case, layer: Any) -> Work:
    state, x = states(case), tensor(case.x_rows)
    return lambda: layer(x, state), lambda result: named(case, *result)


def ragged(case: Case) -> list[Variant]:
    return modes("torch", "packed before", _packed_before, case) + modes("torch", "packed within", _packed_within, case)


def _packed(case: Case) -> Work:
    """Return a function that packs the case's x, and a reader of a layer's result."""
    x, lengths = tensor(case.x_rows), torch.from_numpy(case.lengths)

    def read(result: Any) -> dict[str, Array]:
        return named(case, pad_packed_sequence(result[0], total_length=case.T_x)[0], result[1])

    return lambda: pack_padded_sequence(x, lengths, enforce_sorted=False), read


def _packed_before(case: Case) -> Work:
    layer, state, (pack, read) = layer_of(case), states(case), _packed(case)
    with torch.inference_mode():
        packed = pack()
    return lambda: layer(packed, state), read


def _packed_within(case: Case) -> Work:
    layer, state, (pack, read) = layer_of(case), states(case), _packed(case)
    return lambda: layer(pack(), state), read


def stream(case: Case) -> list[Variant]:
    return modes("torch", "cell", _stream_cells, case) + modes("torch", "layer", _stream_layers, case)


steps = stream


def _stream_cells(case: Case) -> Work:
    return stream_cells(case, [single_cell(layer) for layer in case.sublayers])


def stream_cells(case: Case, cells: list[Any]) -> Work:
    """A single cell for each layer."""
    *below, top = cells
    lstm = case.cell == "lstm"
    each = [states(layer, layers=False) for layer in case.sublayers]
    seen, renew = inlet(case.x_rows[0])

    def call() -> Any:
        renew()
        x = seen
        for k, cell in enumerate(below):
            each[k] = cell(x, each[k])
            x = each[k][0] if lstm else each[k]
        each[-1] = top(x, each[-1])
        return each

    def read(each: Any) -> dict[str, Array]:
        state = tuple(map(torch.stack, zip(*each, strict=True))) if lstm else torch.stack(each)
        return named(case, None, state)

    return call, read


def _stream_layers(case: Case) -> Work:
    return stream_layers(case, layer_of(case))


def stream_layers(case: Case, layer: Any) -> Work:
    state = states(case)
    seen, renew = inlet(case.x_rows)

    def call() -> Any:
        nonlocal state
        renew()
        _, state = layer(seen, state)
        return state

    return call, lambda state: named(case, None, state)


def inlet(xt: Array) -> tuple[Any, Callable[[], Any]]:
    """Return a tensor, and a function that copies xt into it: a step of a stream begins with a new input."""
    memory = np.empty_like(xt)
    with torch.inference_mode():
        return torch.from_numpy(memory), partial(np.copyto, memory, xt)


def train(case: Case) -> list[Variant]:
    return modes("torch", "", _train, case, _learning)


def _train(case: Case) -> Work:
    """Gradients of the input, the first hidden state, the weights and biases; c0 is zero and has none."""
    layer = layer_of(case).train().requires_grad_(True)
    x, a0 = (torch.from_numpy(array.copy()).requires_grad_() for array in (case.x_rows, case.all_initial[0]))
    state = (a0, torch.zeros_like(a0)) if case.cell == "lstm" else a0
    da = torch.from_numpy(case.da_rows)
    inputs = [x, a0, layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0]

    def call() -> Any:
        return torch.autograd.grad(layer(x, state)[0], inputs, da)

    def read(found: Any) -> dict[str, Array]:
        dx, da0, *weights = (gradient.numpy() for gradient in found)
        return case.gradients(dx, da0[0], *weights, torch_form.ORDERS)

    return call, read


def train_layer(case: Case) -> list[Variant]:
    return modes("torch", "", _train_layer, case, _learning)


train_stack = train_bidirectional = train_layer


def train_ragged(case: Case) -> list[Variant]:
    makers = {"packed before": _train_packed, "packed within": _train_layer}
    return [variant for name, make in makers.items() for variant in modes("torch", name, make, case, _learning)]


def _leaves(case: Case) -> tuple[Any, Any, Any, list[Any]]:
    """Return a layer, x, its initial states, and all tensors that get a gradient."""
    layer = layer_of(case).train().requires_grad_(True)
    x, *states = (torch.from_numpy(array.copy()).requires_grad_() for array in (case.x_rows, *case.all_initial))
    return layer, x, tuple(states) if case.cell == "lstm" else states[0], [x, *states, *layer.parameters()]


def _gradients(case: Case, layer: Any, state: Any, dx: Array) -> dict[str, Array]:
    """Name the gradients that a .backward() left."""
    states = tuple(each.grad.numpy() for each in state) if case.cell == "lstm" else state.grad.numpy()
    named = {name: parameter.grad.numpy() for name, parameter in layer.named_parameters()}
    return torch_form.gradients(case, dx, states, named)


def _train_layer(case: Case) -> Work:
    """Forward and .backward(); a ragged batch is packed and padded within."""
    layer, x, state, leaves = _leaves(case)
    da, lengths = torch.from_numpy(case.da_rows), None if case.lengths is None else torch.from_numpy(case.lengths)

    def call() -> None:
        for leaf in leaves:
            leaf.grad = None
        if lengths is None:
            output = layer(x, state)[0]
        else:
            packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
            output = pad_packed_sequence(layer(packed, state)[0], total_length=case.T_x)[0]
        output.backward(da)

    return call, lambda _: _gradients(case, layer, state, x.grad.numpy())


def _train_packed(case: Case) -> Work:
    """Forward and .backward() of a ragged batch that was packed before the clock, its gradient too."""
    layer, x, state, leaves = _leaves(case)
    x, da = (
        pack_padded_sequence(torch.from_numpy(array.copy()), torch.from_numpy(case.lengths), enforce_sorted=False)
        for array in (case.x_rows, case.da_rows)
    )
    leaves[0] = x.data.requires_grad_()

    def call() -> None:
        for leaf in leaves:
            leaf.grad = None
        layer(x, state)[0].data.backward(da.data)

    def read(_: None) -> dict[str, Array]:
        dx = x._replace(data=x.data.grad)
        return _gradients(case, layer, state, pad_packed_sequence(dx, total_length=case.T_x)[0].numpy())

    return call, read
