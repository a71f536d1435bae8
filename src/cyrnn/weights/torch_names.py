"""What the names and shapes of torch's weights say of the module that they are from.

    encoder.lstm.weight_ih_l1_reverse (20, 10)

is a weight of an LSTM (4 blocks of 5 rows), bidirectional, of two layers at least; "encoder.lstm." is its prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

#: prefix, name, layer, direction; compiled where it is first wanted, for a millisecond less of import
_NAME = r"(?s:(.*?))((?:weight_(?:ih|hh|hr)|bias_(?:ih|hh))(?:_l([0-9]{1,3})(_reverse)?)?)"

#: blocks of rows in a weight -> torch's class of layers; one for each gate, and one for the RNN, which has none
CLASSES = {1: "RNN", 3: "GRU", 4: "LSTM"}


class Described(NamedTuple):
    """A module of torch's, as far as its weights tell: not batch_first, nonlinearity nor dropout."""

    name: str  # of its class
    input_size: int
    hidden_size: int
    num_layers: int = 1
    bias: bool = True
    bidirectional: bool = False
    proj_size: int = 0

    @property
    def options(self) -> dict[str, bool | int]:
        """Arguments of the constructor beside the sizes, where they are not its defaults."""
        defaults = self._field_defaults
        return {name: getattr(self, name) for name in defaults if getattr(self, name) != defaults[name]}

    def __str__(self) -> str:
        options = [f"{name}={value}" for name, value in self.options.items()]
        return f"{self.name}({', '.join([str(self.input_size), str(self.hidden_size), *options])})"


class Under(Mapping[str, Any]):
    """The entries of a mapping whose names begin with a prefix, without it; each is read where it is asked for."""

    def __init__(self, given: Mapping[Any, Any], prefix: str) -> None:
        self._given = given
        names = [name for name in given if isinstance(name, str) and name.startswith(prefix)]
        self._names = {name.removeprefix(prefix): name for name in names}

    def __getitem__(self, name: str) -> Any:
        return self._given[self._names[name]]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def prefixes(names: Iterable[object]) -> list[str]:
    """Return what stands before the names of recurrent weights, each once; "" where nothing does."""
    matches = (re.fullmatch(_NAME, name) for name in names if isinstance(name, str))
    return list(dict.fromkeys(match[1] for match in matches if match))


def described(shapes: Mapping[str, tuple[int, ...]]) -> Described | None:
    """Return the module that has weights of these names, without a prefix; None if there is none or they contradict."""
    names = {name: match for name in shapes if (match := re.fullmatch(_NAME, name)) and not match[1]}
    layers = {int(match[3]) for match in names.values() if match[3]}
    first = "_l0" if layers else ""
    W_x, W_a = shapes.get(f"weight_ih{first}", ()), shapes.get(f"weight_hh{first}", ())
    W_hr = shapes.get(f"weight_hr{first}", ())
    if len(W_x) != 2 or len(W_a) != 2 or len(W_hr) not in (0, 2) or (layers and not all(m[3] for m in names.values())):
        return None
    hidden_size = (W_hr or W_a)[1]
    blocks, rest = divmod(W_x[0], hidden_size or 1)
    if rest or blocks not in CLASSES or not hidden_size:
        return None
    return Described(
        CLASSES[blocks] + "Cell" * (not layers),
        W_x[1],
        hidden_size,
        num_layers=max(layers, default=0) + 1,
        bias=any(name.startswith("bias") for name in names),
        bidirectional=any(match[4] for match in names.values()),
        proj_size=W_hr[0] if W_hr else 0,
    )
