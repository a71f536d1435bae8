"""atheris on `load_state_dict` and the sentences of `_check`: coverage leads it from check to check.

    pip install atheris && PYTHONPATH=src:tests/support python -m ci.fuzz.sentences -max_total_time=3600

Whatever objects come in, a call gives a result or refuses in a sentence; after a refusal the model is as it was.
Not part of CI: atheris has wheels for some CPythons on Linux alone.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import atheris

with atheris.instrument_imports(include=["cyrnn"]):
    import cyrnn
    import cyrnn.nn

import numpy as np
from hostile import HOSTILE, Interface
from layouts import LAYOUTS
from valid import VALID

from . import verdict

_DTYPES = ["f4", "f8", "f2", ">f4", ">f8", "i1", "u2", "i8", "?", "c8", "g", "S3", "U2", "O", "M8[s]", "m8[s]", "V4"]
_MODELS = [
    cyrnn.nn.LSTM(2, 3, rng=0),
    cyrnn.nn.GRU(2, 2, num_layers=2, bidirectional=True, rng=0),
    cyrnn.nn.LSTM(1, 3, proj_size=2, bias=False, dtype=np.float64, rng=0),
    cyrnn.nn.RNN(0, 1, nonlinearity="relu", rng=0),
    cyrnn.nn.GRUCell(2, 2, rng=0),
]
_KEYS = ["Wf", "bf", "Wi", "bi", "Wc", "bc", "Wo", "bo", "Wy", "by", "Wz", "bz", "Wr", "br", "bca"]
_KEYS += ["Wax", "Waa", "ba", "Wya", "Wu", "bu", "b", "dW", "W"]


def _array(data: Any) -> Any:
    shape = tuple(data.ConsumeIntInRange(0, 4) for _ in range(data.ConsumeIntInRange(0, 4)))
    dtype = np.dtype(data.PickValueInList(_DTYPES))
    value = np.zeros(shape, dtype)
    if dtype.kind == "f":
        with np.errstate(all="ignore"):
            value = np.full(shape, data.ConsumeFloat()).astype(dtype)
    if dtype.kind == "f" and value.ndim and data.ConsumeBool():
        value = data.PickValueInList(list(LAYOUTS.values()))(value)
    kind = data.ConsumeIntInRange(0, 9)
    if kind == 0:
        return np.ma.array(value, mask=data.ConsumeBool())
    if kind == 1 and dtype.kind in "fiub":
        return value.tolist()
    return Interface(value) if kind == 2 and dtype.kind != "O" else value


def _any(data: Any, depth: int = 2) -> Any:
    kind = data.ConsumeIntInRange(0, 13 if depth else 8)
    if kind <= 3:
        return _array(data)
    if kind == 4:
        return data.PickValueInList([None, True, False, ..., float, np.float32])
    if kind == 5:
        return data.ConsumeInt(9)
    if kind == 6:
        return data.ConsumeFloat()
    if kind == 7:
        text = data.ConsumeUnicodeNoSurrogates(8) if data.ConsumeBool() else data.ConsumeUnicode(8)
        return data.PickValueInList([text, text.encode("utf-8", "replace")])
    if kind == 8:
        return data.PickValueInList(list(HOSTILE.values()))
    inner = [_any(data, depth - 1) for _ in range(data.ConsumeIntInRange(0, 4))]
    if kind in (9, 10):
        return tuple(inner) if kind == 9 else inner
    return {_key(data, _KEYS): value for value in inner}


def _key(data: Any, known: list[str]) -> Any:
    if data.ConsumeIntInRange(0, 3):
        return data.PickValueInList(known)
    return data.PickValueInList([None, 7, b"bytes", ("t",), data.ConsumeUnicode(6), "module.encoder.weight_ih_l0"])


def _state_dict(data: Any, model: Any) -> Any:
    """The model's own weights, some of them exchanged for anything, under names with a prefix or without."""
    own = model.state_dict()
    given: dict[Any, Any] = dict(own)
    for _ in range(data.ConsumeIntInRange(0, 4)):
        what = data.ConsumeIntInRange(0, 3)
        name = _key(data, list(own))
        if what == 0:
            given.pop(name, None)
        else:
            given[name] = _any(data)
    prefix = data.PickValueInList(["", "", "", "lstm.", "module.", data.ConsumeUnicode(3)])
    if prefix:
        given = {prefix + name if isinstance(name, str) else name: value for name, value in given.items()}
    wrapped = [given, given, given, {"state_dict": given}, list(given.items()), given.keys(), _any(data)]
    return data.PickValueInList(wrapped)


def _load(data: Any) -> None:
    model = data.PickValueInList(_MODELS)
    before = model.state_dict()
    try:
        model.load_state_dict(_state_dict(data, model))
    except Exception as error:
        verdict.refusal(error)
        verdict.same(model.state_dict(), before, "a model that refused weights")
    model.load_state_dict(before)


def _call(data: Any) -> None:
    """Any public function: of valid arguments one or two exchanged, or an entry of a mapping or of a cache."""
    name = data.PickValueInList(list(VALID))
    given = dict(VALID[name])
    for _ in range(data.ConsumeIntInRange(1, 2)):
        argument = data.PickValueInList(list(given))
        given[argument] = _exchanged(data, given[argument]) if data.ConsumeBool() else _any(data)
    threads = cyrnn.get_num_threads()
    try:
        getattr(cyrnn, name)(**given)
    except Exception as error:
        verdict.refusal(error)
    finally:
        cyrnn.set_num_threads(threads)


def _exchanged(data: Any, value: Any, depth: int = 4) -> Any:
    """The same with one thing in it exchanged."""
    if isinstance(value, dict) and value and depth:
        given = dict(value)
        key = _key(data, list(given))
        if data.ConsumeBool():
            given.pop(key, None)
        else:
            given[key] = _exchanged(data, given.get(key), depth - 1) if data.ConsumeBool() else _any(data, 1)
        return given
    if isinstance(value, tuple | list) and value and depth:
        at = data.ConsumeIntInRange(0, len(value) - 1)
        inner = [*value[:at], _exchanged(data, value[at], depth - 1), *value[at + data.ConsumeBool() :]]
        return tuple(inner) if isinstance(value, tuple) else inner
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size and data.ConsumeBool():
        axis = data.ConsumeIntInRange(0, value.ndim - 1) if value.ndim else None
        dtype = data.PickValueInList([value.dtype, value.dtype, "f4", "?", "i2", "c8", "O"])
        with np.errstate(all="ignore"):
            value = np.asarray(value).astype(dtype)
        changes = [value, value[..., None], value[0] if value.ndim else value, value.tolist()]
        return data.PickValueInList([*changes, np.repeat(value, 2, axis), np.delete(value, 0, axis)])
    return _any(data, 1)


def _model(data: Any) -> None:
    """Calls of a model, with any arguments."""
    model = data.PickValueInList(_MODELS)
    names = ["__call__"] if not hasattr(model, "step") else ["__call__", "forward", "step"]
    function, options = data.PickValueInList(names), {}
    if len(names) > 1 and data.ConsumeBool():
        option = {"__call__": "lengths", "forward": "lengths", "step": "reset"}[function]
        options = {option: _any(data)}
    try:
        getattr(model, function)(_any(data), _any(data, 1), **options)
    except Exception as error:
        verdict.refusal(error)


def one_input(raw: bytes) -> None:
    data = atheris.FuzzedDataProvider(raw)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning is an error without a sentence
        warnings.filterwarnings("ignore", "Warning: converting a masked")  # NumPy's, of a masked scalar in a list
        data.PickValueInList([_load, _load, _load, _call, _call, _model])(data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
