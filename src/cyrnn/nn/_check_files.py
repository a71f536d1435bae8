"""Every check of files that models are loaded from and saved to, and its error sentences."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from ..weights.protobuf import Malformed
from ._check import _shown
from ._check_weights import Misfit

#: what the first bytes of other files say that they are
_MAGIC = {
    b"PK\3\4": "an archive, as .npz, .keras and torch.save's are",
    b"\x93NUMPY": "a .npy file of one array: np.load reads it",
    b"\x89HDF\r\n\x1a\n": "an .h5 file",
    b"\x1f\x8b": "compressed by gzip",
    b"\x80": "a pickle",
}
_TORCH = (
    "its pickle may run code, and is not read: docs/how_to/from_pytorch.md has each kind of such a file; of a "
    "state_dict, where torch is installed, this line makes a file that is: "
    "import numpy, torch; numpy.savez({npz!r}, **{{k: v.detach().float().numpy() for k, v in "
    "torch.load({path!r}, map_location='cpu', weights_only=True).items()}})"
)
#: endings of files that hold models, and are not read -> why, and what to do
_OTHERS = dict.fromkeys((".pt", ".pth", ".ckpt", ".bin", ".tar"), _TORCH)
_OTHERS[".pt2"] = "docs/how_to/from_pytorch.md says how torch.export.load writes its weights into one"
_OTHERS |= dict.fromkeys((".pkl", ".pickle", ".joblib"), "a pickle may run code, and is not read")
_OTHERS[".npy"] = "np.load reads its one array, and cyrnn.nn.from_state_dict takes a dict of them"
#: options that `save` keeps in a file -> their types in JSON
_OPTIONS: dict[str, tuple[type, ...]] = dict.fromkeys(("batch_first", "coupled", "reset_after", "single_step"), (bool,))
_OPTIONS |= dict.fromkeys(("dropout", "clip"), (int, float))
_OPTIONS |= dict.fromkeys(("nonlinearity", "activation", "recurrent_activation", "output_activation"), (str, list))
_OPTIONS |= {"padding_idx": (int,), "kind": (str,), "eps": (int, float)}  # of Linear, Embedding, LayerNorm
#: options that do not change what the weights mean: a keyword goes before the file
FREE = ("batch_first", "dropout", "dtype", "rng")


def path(function: str, given: Any) -> str:
    """Return the path as a string."""
    found = os.fspath(given) if isinstance(given, (str, os.PathLike)) else None
    if not isinstance(found, str):
        raise TypeError(f"{function}: path is of type {type(given).__name__}, expected a string or a pathlib.Path")
    return found


def prefix(function: str, given: Any) -> None:
    if not isinstance(given, str):
        raise TypeError(f"{function}: prefix is of type {type(given).__name__}, expected a string as 'encoder.lstm.'")


def ending(function: str, path: str, known: Iterable[str], offered: Iterable[str] = ()) -> str:
    """Return the ending of a path, in small letters; refuse others than are known. `offered`: those that are named."""
    found = os.path.splitext(path)[1].lower()
    if found in known:
        return found
    known = offered or known
    npz = os.path.basename(os.path.splitext(path)[0]) + ".npz"
    why = _OTHERS.get(found, "").format(path=path, npz=npz) if function == "nn.load" else ""
    has = f"the ending {found!r}" if found else "no ending"
    if why:
        regular(function, path, known)  # else there is nothing to convert
    raise ValueError(f"{function}: {path!r} has {has}, expected one of {', '.join(known)}{': ' * bool(why)}{why}")


def regular(function: str, path: str, known: Iterable[str]) -> None:
    """Refuse a folder, and a pipe or a device, which would not end; FileNotFoundError comes from the system."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        inside = sorted(name for name in os.listdir(path) if os.path.splitext(name)[1].lower() in known)
        has = f": it has {', '.join(map(repr, inside[:6]))}" if inside else f" with one of {', '.join(known)}"
        raise IsADirectoryError(f"{function}: {path!r} is a folder, expected a file{has}")
    if not stat.S_ISREG(mode):
        raise ValueError(f"{function}: {path!r} is no regular file, expected one that can be read from any place")


def of_file(function: str, path: str, error: Exception, head: bytes = b"", place: str = "") -> NoReturn:
    """Say what is wrong with a file, and where; and what it is, where its first bytes tell that it is another."""
    said = str(error)
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")
    if not kind and head[8:9] == b"{" and isinstance(error, Malformed):
        kind = "a .safetensors file"
    kind = f": it looks like {kind}" if kind else ""
    raise ValueError(f"{function}: {path!r}: {'' if place and said.startswith(place) else place}{said}{kind}") from None


@contextlib.contextmanager
def naming(function: str, path: str) -> Iterator[None]:
    """Let the sentences of a class about what a file says begin with the file."""
    try:
        yield
    except ValueError as error:
        if not isinstance(error, Misfit) and not str(error).startswith(f"{function}: "):
            of_file(function, path, error)
        raise


def options_in(function: str, path: str, text: str) -> dict[str, Any]:
    """Return the options that `save` wrote, of the types that they have."""
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{function}: {path!r}: its options are no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{function}: {path!r}: its options are no JSON object")
    return typed_options(f"{function}: {path!r}: its option", found)


def typed_options(begin: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return options, of the types that they have."""
    for name, value in found.items():
        if name not in _OPTIONS or type(value) not in _OPTIONS[name]:
            raise ValueError(f"{begin} {name!r} is {_shown(value)}: of a newer cyrnn?")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def both_options(function: str, path: str, own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a file and those of a call, which may not contradict it where weights depend on them."""
    for name, value in given.items():
        if name in own and name not in FREE:
            wanted = own[name]
            if value != wanted and not (isinstance(value, list) and tuple(value) == wanted):
                raise ValueError(f"{function}: {name} is {value!r}, expected {wanted!r}: {path!r} says so")
    return {**own, **given}


# ---- models of several modules -------------------------------------------------------------------

#: the option under which a file of several modules says which they are
MODULES = "modules"
_DEEPEST = 32  # models within models


def modules_in(function: str, path: str, text: str) -> list[Any] | None:
    """Return what a file says of the modules of its model; None where it has one module, or says nothing."""
    if MODULES not in text:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # `options_in` says so
        return None
    if not isinstance(found, dict) or MODULES not in found:
        return None
    modules = found[MODULES]
    if len(found) != 1 or not isinstance(modules, list):
        raise ValueError(f"{function}: {path!r}: its modules are no list alone: of a newer cyrnn?")
    return modules


def module_options(part: Any, name: str) -> tuple[str, Any]:
    """Return the class of a module and its options, of a Sequential its modules."""
    pair = isinstance(part, list) and len(part) == 2 and isinstance(part[0], str)
    if not pair or not isinstance(part[1], list if part[0] == "Sequential" else dict):
        raise ValueError(f"its module {name} is {json.dumps(part)[:60]}, expected a class and its options")
    if name.count(".") > _DEEPEST:
        raise ValueError(f"its module {name} is within more than {_DEEPEST} others")
    return part[0], part[1]


def options_of_module(own: Mapping[str, Any], name: str) -> dict[str, Any]:
    return typed_options(f"its module {name}: its option", own)


def plain_module(kind: Any, own: Mapping[str, Any], name: str) -> Any:
    """Make a module without weights."""
    known = inspect.signature(kind).parameters
    for option in own:
        if option not in known:
            raise ValueError(f"its module {name}: its option {option!r} is none of {kind.__name__}'s")
    try:
        return kind(**own)
    except (TypeError, ValueError) as error:
        raise ValueError(f"its module {name}: {error}") from None


def same_class(module: object, kind: str, name: str) -> None:
    if type(module).__name__ != kind:
        raise ValueError(f"its module {name} has the weights of {type(module).__name__}, expected those of {kind}")


def none_left(left: Mapping[str, Any]) -> None:
    """Refuse weights of no module."""
    if left:
        raise ValueError(f"it has {next(iter(left))!r}, which is of none of its modules")


def no_options(function: str, path: str, given: Mapping[str, Any]) -> None:
    if given:
        cure = "model.double() and model.float() cast" if "dtype" in given else "the file says all options"
        raise TypeError(f"{function}: {next(iter(given))} is given, {path!r} has a Sequential: {cure}")


def module_in(function: str, path: str, prefix: str, known: Iterable[str]) -> str:
    """Return the name of the module whose weights begin with a prefix."""
    found = prefix.removesuffix(".")
    if found not in known:
        listed = ", ".join([f"'{name}.'" for name in known])
        raise ValueError(f"{function}: {path!r}: prefix is {prefix!r}, expected one of {listed}")
    return found


def recurrent(path: str, model: object, recurrent: bool) -> None:
    """Refuse to write a layer without a cell where there are layers of cells alone."""
    if not recurrent:
        name = type(model).__name__
        raise ValueError(f"{name}.save: {path!r} is for recurrent layers, expected .npz or .safetensors of {name}")


def some_weights(path: str, model: object, weights: Mapping[str, Any]) -> None:
    """Refuse to write a file from whose names nobody could tell what it is."""
    if not weights:
        cure = "nn.Sequential has it among others, and saves it with them"
        raise ValueError(f"{type(model).__name__}.save: {path!r}: the model has no weights, expected some: {cure}")


def known_options(function: str, shown: str, own: Iterable[str], kind: str, known: Iterable[str]) -> None:
    """Refuse options in a file that its class has not."""
    for name in own:
        if name not in known:
            raise ValueError(f"{function}: {shown}: its option {name!r} is none of {kind}'s")


# ---- ONNX ----------------------------------------------------------------------------------------

PREPARED = "cyrnn.onnx.load(path) runs it"


def nodes(
    function: str, path: str, known: Sequence[str], chosen: Sequence[str], prefix: str, why: str
) -> NoReturn:
    """Refuse nodes that are not one, or the layers of one model."""
    listed = ", ".join(map(repr, known[:8])) + ", ..." * (len(known) > 8)
    if not chosen:
        has = f"it has {listed}" if known else "it has no recurrent node"
        if not known:
            cure = "torch's exporter with dynamo=True makes none of an RNN, with dynamo=False it does"
            raise ValueError(f"{function}: {path!r}: it has no recurrent node, expected an RNN, LSTM or GRU: {cure}")
        raise ValueError(f"{function}: {path!r}: no recurrent node has a name that begins with {prefix!r}: {has}")
    cure = f"prefix={chosen[0]!r} takes one of {listed}"
    raise ValueError(f"{function}: {path!r}: {len(chosen)} nodes, expected one or the layers of a stack: {why}; {cure}")


def contradiction(function: str, path: str) -> NoReturn:
    raise ValueError(f"{function}: {path!r}: the options that it keeps are others than the attributes of its nodes")


def in_onnx(function: str, path: str, projection: int, clip: float, size: int, most: int) -> None:
    """Refuse what a file of ONNX cannot hold; clip is that of float32."""
    cure = "save it as .npz or .safetensors"  # the words of Keras' sentences
    if not clip:
        raise ValueError(f"{function}: {path!r}: clip is 0 in float32, of which ONNX's attributes are: {cure}")
    if projection:
        said = f"the model has proj_size={projection}, which ONNX's LSTM has not"
        raise ValueError(f"{function}: {path!r}: {said}: {cure}")
    if size > most - (1 << 20):
        raise ValueError(f"{function}: {path!r}: weights have {size} bytes, expected less than {most} in .onnx: {cure}")
