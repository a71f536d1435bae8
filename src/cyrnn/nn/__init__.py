"""The classes that people know from torch.nn, on NumPy arrays.

A sequence is (L, N, features), as there, and weights have torch's names, shapes and order of gates, so that a trained
model is loaded as it is. A call is as in eval mode; the gradients of a model come from `forward` and `backward`.

    RNN, LSTM, GRU              layers of a recurrent cell
    RNNCell, LSTMCell, GRUCell  one step of one layer
    Linear, Embedding           the layers behind and before them
    LayerNorm, Dropout          features normalised; values dropped while a model is trained
    LastStep                    the last step of every sequence
    Sequential                  modules that follow each other, as one model
    from_torch                  the model of a module in memory
    from_state_dict             the model that names and shapes of weights describe
    load                        the model in a file: .npz, .safetensors, .onnx, .h5, .keras
    from_keras                  the model of one of Keras' layers in memory
    LSTM.from_gates             a model of arrays in any framework's order of gates; `model.to_gates` its inverse

    model(x)                    over whole sequences; `lengths=` for those of a ragged batch
    model.step                  one step of a stream; `reset=` for those that start anew
    model.forward, backward     the same with a tape, and the gradients, with dropout between layers
    model.load_state_dict       weights from a mapping of arrays; `prefix=` for those of one part of a model
    model.state_dict            copies of the weights
    model.save                  weights and options into a file, for `load`
    model.quantize              the model with int8 or int16 weights: faster, smaller, a little less exact
    model.pack                  let weights take effect that were changed in their place

`help(cyrnn.nn.RNN)` has every argument and shape. `eval()`, `train(False)`, `to("cpu")`, `float()`, `double()`, which
scripts for torch call, are there; `train()`, `cuda()`, `parameters()` say what to do instead. Every example in a
docstring begins with

>>> import numpy as np
>>> import cyrnn.nn
"""

# Without __all__ `help(cyrnn.nn)` is the page above. With it, each class follows, and all that it inherits: 1,560 lines
from .cells import GRUCell as GRUCell
from .cells import LSTMCell as LSTMCell
from .cells import RNNCell as RNNCell
from .convert import from_state_dict as from_state_dict
from .convert import from_torch as from_torch
from .dropout import Dropout as Dropout
from .embedding import Embedding as Embedding
from .files import load as load
from .keras_layers import from_keras as from_keras
from .last_step import LastStep as LastStep
from .layer_norm import LayerNorm as LayerNorm
from .layers import GRU as GRU
from .layers import RNN as RNN
from .linear import Linear as Linear
from .lstm import LSTM as LSTM
from .sequential import Sequential as Sequential

# Gone from a star import and from a shell: the modules of this room, which `from cyrnn.nn import weights` still finds
_modules = [name for name, value in globals().items() if getattr(value, "__package__", None) == __name__]
for _name in [*_modules, "_modules", "_name"]:
    del globals()[_name]
