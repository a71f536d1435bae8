"""Every check of a module of torch's, and the sentences about what torch's modules can and ours cannot."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

from .._check_quantized import not_trained
from .._convert import FLOAT32, FLOAT64
from .._keys import type_of
from ._check import values

#: classes that hold a module -> the attribute under which they do
_WRAPPERS = {
    "OptimizedModule": "_orig_mod",  # torch.compile
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "FullyShardedDataParallel": "module",
    "AveragedModel": "module",
}


#: attributes that hold the size of an input; a trace has none
_SIZES = ("input_size", "in_features", "num_embeddings", "normalized_shape")
#: classes that are named where a module has no recurrent one inside
_HEADS = ("Linear", "Embedding", "LayerNorm", "Dropout", "Sequential")


def module_inside(function: str, module: Any) -> Any:
    """Return the module that torch.compile and those that share work among devices hold; a module as it is."""
    for _ in range(8):  # one in another; a mock has any attribute for ever
        names = (ancestor.__name__ for ancestor in type(module).__mro__)
        held = next((_WRAPPERS[name] for name in names if name in _WRAPPERS), None)
        if held is None:
            break
        module = attribute(function, module, held)
    return module


def inside_as(module: Any) -> str:
    """Return how a caller writes the module that a wrapper holds, as far as its parts are asked for there."""
    said = "module"
    for _ in range(8):
        names = (ancestor.__name__ for ancestor in type(module).__mro__)
        held = next((_WRAPPERS[name] for name in names if name in _WRAPPERS), None)
        if held is None:
            break
        module, said = attribute("from_torch", module, held), f"{said}.{held}"
    return said


def framework_class(function: str, module: Any, known: Mapping[str, Any], given: str = "module") -> str:
    """Return the first name in a module's ancestry that is the name of a class of ours; that of a script's source."""
    if "quantized" in type(module).__module__.split(".") and not dynamic(module):
        raise TypeError(
            f"{function}: module is a quantised {type(module).__name__}, expected one of floats, or one of "
            "torch.ao.nn.quantized.dynamic: give the module that it was quantised from"
        )
    names = [ancestor.__name__ for ancestor in type(module).__mro__]
    if isinstance(module, type) and module.__name__ in known:
        raise TypeError(f"{function}: module is the class {module.__name__}, expected a module: {module.__name__}(...)")
    if isinstance(module, Mapping):
        cure = "nn.from_state_dict(module) makes the model of weights"
        raise TypeError(f"{function}: module is {type_of(module)}, expected one of torch.nn's modules: {cure}")
    if isinstance(module, (str, os.PathLike)):
        cure = "nn.from_state_dict(torch.load(path, map_location='cpu', weights_only=True)) makes one of its weights"
        raise TypeError(f"{function}: module is the path {str(module)!r}, expected a module: {cure}")
    if "ScriptModule" in names:
        names = [str(getattr(module, "original_name", ""))]
        if names[0] in known and not any(hasattr(module, size) for size in _SIZES):
            cure = "nn.from_state_dict(module.state_dict(), batch_first=...) makes the model"
            raise TypeError(f"{function}: module is a trace, which keeps weights and no options: {cure}")
    for name in names:
        if name in known:
            return name
    wanted = ", ".join(known)
    inside = _modules_of(module, known)
    cure = f": from_torch({given}.get_submodule({inside[0]!r}))" if inside else ""
    if not cure and "ScriptModule" in (ancestor.__name__ for ancestor in type(module).__mro__):
        cure = ": nn.from_state_dict(module.state_dict(), prefix) makes the model of a part"
    raise TypeError(f"{function}: module is of type {type(module).__name__}, expected one of torch.nn's {wanted}{cure}")


def dynamic(module: Any) -> bool:
    """Whether a module is one of torch.ao.nn.quantized.dynamic, which takes floats, and has weights of fewer bits."""
    return {"quantized", "dynamic"} <= set(type(module).__module__.split("."))


def scales_by_row(function: str, name: str, tensor: Any) -> bool:
    """Return whether a quantised tensor has a scale for each row, not one for all."""
    scheme = str(tensor.qscheme()).removeprefix("torch.")
    axis = tensor.q_per_channel_axis() if scheme.startswith("per_channel") else 0
    if axis != 0 or scheme.removesuffix("affine").removesuffix("symmetric") not in ("per_tensor_", "per_channel_"):
        cure = "from_torch(module, dequantize=True) makes a model of floats"
        raise ValueError(f"{function}: {name} is quantised {scheme} along axis {axis}, expected the rows', 0: {cure}")
    return scheme.startswith("per_channel")


def scales_fit(function: str, name: str, shape: tuple[int, ...], scale: Any, zero: Any) -> None:
    """Refuse what is no matrix with a scale and a zero point for all of it, or for each row."""
    if len(shape) != 2 or scale.shape not in ((1,), shape[:1]) or zero.shape != scale.shape:
        counts = f"{scale.size} scales and {zero.size} zero points"
        raise ValueError(f"{function}: {name}: {counts} do not fit its shape {shape}")


def unfit(function: str, name: str, error: Exception) -> NoReturn:
    raise ValueError(f"{function}: {name}: {error}") from None


def _modules_of(module: Any, known: Mapping[str, Any]) -> list[str]:
    """Return the names of the recurrent modules inside of another one; of others, if it has none."""
    if not callable(getattr(module, "named_modules", None)) or not hasattr(module, "state_dict"):
        return []
    try:
        inside = [(str(name), type(part).__mro__) for name, part in module.named_modules()]
    except (TypeError, ValueError):  # whatever else has a method of that name
        return []
    found = [(name, {ancestor.__name__ for ancestor in mro} & set(known)) for name, mro in inside if name]
    return [name for name, kinds in found if kinds - set(_HEADS)] or [name for name, kinds in found if kinds]


def attribute(function: str, module: object, name: str) -> Any:
    """Return an attribute that every module of torch's has; a class of another library may have the same name."""
    try:
        found = getattr(module, name)
    except AttributeError as error:
        said = f"module is of type {type(module).__name__} and has no {name}"
        raise TypeError(f"{function}: {said}, expected one of torch.nn's modules") from error
    if getattr(found, "is_meta", False) is True:
        cure = "module.to_empty(device='cpu'), then module.load_state_dict, gives it some"
        raise ValueError(f"{function}: module is on the meta device, which holds no numbers: {cure}")
    return found


def unpacked(function: str, module: object, name: str) -> Any:
    """Return an attribute, of a dynamically quantised module unpacked: weight() and bias() do so."""
    found = attribute(function, module, name)
    return found() if dynamic(module) and callable(found) else found


def floats(function: str, module: object, name: str) -> Any:
    """Return an attribute, of a dynamically quantised module the floats that it stands for."""
    found = unpacked(function, module, name)
    return found.dequantize() if getattr(found, "is_quantized", False) is True else found


def dtype_of_weights(given: Mapping[str, Any]) -> np.dtype[Any]:
    """Return float64 where the first of the weights is in it, else float32."""
    first = next((name for name in given if str(name).startswith("weight_ih") or name == "weight"), None)
    if first is not None:
        try:
            dtype = getattr(values(given[first]), "dtype", None)  # None, of a list, equals float64 to NumPy
            return FLOAT64 if isinstance(dtype, np.dtype) and dtype.char == "d" else FLOAT32
        except MemoryError:
            raise
        except Exception:  # what cannot be read is said where it is loaded
            return FLOAT32
    return FLOAT32


# ---- what torch's modules can, and ours cannot ---------------------------------------------------

_TRAINING = (
    "forward(x, dropout_rng=rng) keeps a tape, backward(tape, d_output) gives the gradients, and with "
    "optimizer = cyrnn.training.Adam(model), made once, optimizer.step(gradients) takes a step"
)
#: method -> why there is none, and what to do
_CURES = {
    "train": f"a call is as in eval mode, whatever the mode: to train, {_TRAINING}",
    "cuda": "cyrnn runs on the CPU: leave it out; set_num_threads says on how many of its cores",
    "parameters": f"there is no autograd: state_dict() has the weights, {_TRAINING}",
    "half": "cyrnn computes in float32 or float64: leave it out; float16 weights and inputs are taken as float32",
}
_CURES["named_parameters"] = _CURES["zero_grad"] = _CURES["parameters"]
_CURES["bfloat16"] = _CURES["half"].replace("float16", "bfloat16")
REFUSED = tuple(_CURES)


def not_here(model: object, method: str) -> NoReturn:
    """Say what to do in the place of a method of torch's."""
    cure, integers = _CURES[method], getattr(getattr(model, "_plan", None), "integers", None)
    if integers is not None and _TRAINING in cure:
        not_trained(f"{type(model).__name__}.{method}", "the model", integers, "dequantize() of it is of floats")
    if not hasattr(model, "dropout") and hasattr(model, "forward"):
        cure = cure.replace(", dropout_rng=rng", "")
    raise NotImplementedError(f"{type(model).__name__}.{method}: {cure}")


def destination(model: Any, given: Iterable[Any]) -> np.dtype[Any]:
    """Return the dtype that arguments of `to` ask for, that of the model if none; refuse devices but the CPU."""
    function = f"{type(model).__name__}.to"
    wanted: np.dtype[Any] = model.dtype
    for value in given:
        text = str(value) if type(value).__name__ in ("str", "device", "dtype") else ""
        if value is None or isinstance(value, bool) or text.partition(":")[0] == "cpu":
            continue
        with contextlib.suppress(TypeError):
            dtype = np.dtype(text.removeprefix("torch.") or value)
            if dtype in (FLOAT32, FLOAT64):
                wanted = dtype
                continue
        if type(value).__name__ in ("str", "device", "int"):
            raise NotImplementedError(f"{function}: the device is {str(value)!r}: {_CURES['cuda']}")
        raise TypeError(f"{function}: got {text or type(value).__name__}, expected 'cpu', float32 or float64")
    return wanted


def new_attribute(model: object, name: str, weights: Iterable[str]) -> None:
    """Refuse to set an attribute that is new, and most likely the misspelt name of a weight."""
    import difflib  # where it is needed: 3 ms

    known = list(weights)
    meant = difflib.get_close_matches(name, known, 1, 0.8)
    if meant or name.startswith(("weight_", "bias_")):
        hint = meant[0] if meant else f"one of {', '.join(known[:8])}{', ...' * (len(known) > 8)}"
        raise AttributeError(f"{type(model).__name__}: {name} is not one of its parameters, expected {hint}")
