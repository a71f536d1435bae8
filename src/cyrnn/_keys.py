"""Objects that are asked for keys: what they lack, and the sentences that say so.

A dict of parameters, of weights, of gradients; and whatever else answers `parameters["Wf"]`, as NumPy's notebook takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol, cast

import numpy as np

_KEYS_SHOWN = 20

#: what parameters are called in other editions of the notebook; of a GRU, whose update gate is 1 - zt there, negated
_OTHER_EDITIONS = {"ba": "b", "Wi": "Wu", "bi": "bu", "Wz": "-Wu", "bz": "-bu", "Wya": "Wy", "Wy": "Wya"}


class Parameters(Protocol):
    """What the notebook's functions ask of `parameters`."""

    def __getitem__(self, key: str, /) -> Any: ...


class MissingKeys(KeyError):
    """A KeyError that shows its sentence as it is, without the quotes that KeyError puts around it."""

    def __str__(self) -> str:
        return str(self.args[0])


def mapping(function: str, argument: str, value: object) -> Mapping[str, object]:
    """Return value if it is a dict or another mapping."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{function}: {argument} is {type_of(value)}, expected a dict or another mapping")
    return value


def mutable_mapping(function: str, argument: str, value: object) -> MutableMapping[str, Any]:
    """Return value if it is a dict or another mapping that can be written to."""
    mapping(function, argument, value)
    if not isinstance(value, MutableMapping):
        kind = f"{type_of(value)}, which is read-only"
        raise TypeError(f"{function}: {argument} is {kind}, expected a dict: it is updated in place")
    return value


def require_keys(function: str, argument: str, given: Mapping[str, object], wanted: Iterable[str]) -> None:
    """Raise KeyError naming the keys that are missing and those that are given."""
    missing = [key for key in wanted if key not in given]
    if missing:
        raise MissingKeys(f"{function}: {argument} lacks {listed(missing)}; it has {listed(given)}")


def string_keys(function: str, argument: str, given: Mapping[str, object]) -> None:
    """Refuse keys that are not strings."""
    for key in cast("Iterable[object]", given):
        if not isinstance(key, str):
            raise TypeError(f"{function}: {argument} has the key {key!r}, expected strings")


def keyed(function: str, argument: str, value: object) -> Any:
    """Return value if it can be asked for keys: a mapping, or another object with __getitem__, but no sequence."""
    if isinstance(value, (Sequence, np.ndarray, np.generic)) or not hasattr(type(value), "__getitem__"):
        raise TypeError(f"{function}: {argument} is {type_of(value)}, expected a dict or another mapping")
    return value


def values_of(
    function: str, argument: str, value: object, wanted: Iterable[str], head: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the values under the keys wanted; those of a head may be missing, all or none of them."""
    found, missing = _looked_up(keyed(function, argument, value), wanted, head)
    if missing:
        raise MissingKeys(f"{function}: {argument} lacks {listed(missing)}{_has(value)}{_cure(value, missing)}")
    return found


def recognise(
    function: str, parameters: object, cells: Mapping[str, Iterable[str]], heads: Mapping[str, tuple[str, ...]]
) -> str:
    """Return the name of the one cell all of whose keys, but for a head, parameters has.

    Of two, the one whose keys are all and more.
    """
    given = keyed(function, "parameters", parameters)
    lacking = {name: _lacking(given, keys) for name, keys in cells.items()}
    found = [name for name, keys in lacking.items() if not keys or not set(keys).difference(heads[name])]
    if not found:
        missing = {name: _looked_up(given, keys, heads[name])[1] for name, keys in cells.items()}
        lacks = "; ".join(f"{listed(keys)} for {name}" for name, keys in missing.items())
        cures = [_cure(given, keys) for keys in missing.values() if len(_renamed(given, keys)) == len(keys)]
        raise MissingKeys(f"{function}: parameters lacks {lacks}{_has(given)}{''.join(cures[:1])}")
    if len(found) > 1:
        found = [name for name in found if not any(set(cells[name]) < set(cells[other]) for other in found)]
    if len(found) > 1:
        raise ValueError(f"{function}: parameters has the keys of {' and of '.join(found)}, expected those of one cell")
    return found[0]


def _lacking(given: Any, wanted: Iterable[str]) -> list[str]:
    """Return the keys wanted that an object has not."""
    return [key for key in wanted if key not in given] if type(given) is dict else _looked_up(given, wanted)[1]


def _looked_up(given: Any, wanted: Iterable[str], head: tuple[str, ...] = ()) -> tuple[dict[str, Any], list[str]]:
    """Return the values of an object under the keys wanted, and the keys that it lacks."""
    found: dict[str, Any] = {}
    missing: list[str] = []
    if type(given) is dict:
        found = {key: given[key] for key in wanted if key in given}
        missing = [key for key in wanted if key not in found]
        wanted = ()
    for key in wanted:
        try:
            # asked first: a defaultdict would make up what it has not
            if hasattr(type(given), "__contains__") and key not in given:
                missing.append(key)
            else:
                found[key] = given[key]
        except (LookupError, AttributeError):
            missing.append(key)
    if head and all(key in missing for key in head):  # none, unless it is there under the name that other cells have
        renamed = _renamed(given, head)
        missing = [key for key in missing if key not in head or key in renamed]
    return found, missing


def _has(given: Any) -> str:
    """Say which keys an object has, if it tells."""
    return f"; it has {listed(given.keys())}" if hasattr(given, "keys") else ""


def _renamed(given: Any, missing: Iterable[str]) -> dict[str, str]:
    """Return, for keys that are missing, what is there under the name of another edition: "Wu", "-Wu" for 1 - zt."""
    other = {key: _OTHER_EDITIONS[key] for key in missing if key in _OTHER_EDITIONS}
    return {key: name for key, name in other.items() if _looked_up(given, [name.lstrip("-")])[0]}


def _cure(given: Any, missing: Iterable[str]) -> str:
    """Say which keys to rename, if that cures it all."""
    renamed = _renamed(given, missing)
    if any(key not in renamed for key in missing):
        return ""
    pairs = [(name if name.startswith("-") else f'"{name}"', key) for key, name in renamed.items()]
    why = "the course's update gate is 1 - zt: " if any(name.startswith("-") for name, _ in pairs) else ""
    return f": {why}pass " + ", ".join(f'{name} as "{key}"' for name, key in pairs) if pairs else ""


def type_of(value: object) -> str:
    """Say what an object is."""
    return "None" if value is None else f"of type {type(value).__name__}"


def listed(keys: Iterable[object]) -> str:
    """Say keys, as many as fit in a sentence."""
    shown = [f'"{key}"' if isinstance(key, str) else repr(key) for key in keys]
    if len(shown) > _KEYS_SHOWN:
        shown[_KEYS_SHOWN:] = [f"and {len(shown) - _KEYS_SHOWN} more"]
    return ", ".join(shown) or "no keys"
