"""What a model of several modules is but its passes: its modules, and their weights under one set of names."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from . import _check_modules, _check_resets, _check_sequential, links
from .links import Pass
from .named_weights import NamedWeights
from .summary import table


class Container(NamedWeights):
    """Modules by their places, with the methods of one module; see Sequential."""

    _modules: tuple[Any, ...]
    _recurrent: tuple[int, ...]  # places among the links

    def _assemble(self, modules: tuple[Any, ...]) -> None:
        found = links.assembled(_flat(modules, ""))
        recurrent = tuple([i for i, link in enumerate(found) if link.recurrent])
        self.__dict__.update({"_modules": modules, "_links": found, "_recurrent": recurrent})

    # ---- modules ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules)

    def __getitem__(self, index: int | slice) -> Any:
        """Return a module, or of a slice a model of these modules themselves."""
        if isinstance(index, slice):
            return type(self)._of(self._modules[index])
        return self._modules[_check_sequential.index(index, len(self._modules))]

    @classmethod
    def _of(cls, modules: tuple[Any, ...]) -> Self:
        """Make a model of modules, whatever the constructor of a subclass takes."""
        model = object.__new__(cls)
        model._assemble(modules)
        return model

    @property
    def batch_first(self) -> bool:
        """Whether a batch is (N, L, features), not (L, N, features): that of the recurrent layers."""
        return links.batch_first(self._links)

    @property
    def _kinds(self) -> tuple[Any, ...]:
        """What the tapes of two models that fit each other have in common; each module looks at its own sizes."""
        return tuple([(link.name, type(link.module)) for link in self._links])

    def __repr__(self) -> str:
        lines = [f"({i}): {module!r}".replace("\n", "\n  ") for i, module in enumerate(self._modules)]
        return "\n  ".join([f"{type(self).__name__}(", *lines]) + "\n)"

    def summary(self) -> str:
        """Return a table of the modules: what each gives, and how many weights it has.

        Returns
        -------
        str
            Lines of at most 80 columns: `print(model.summary())`.

        See Also
        --------
        state_dict : The weights themselves.

        Examples
        --------
        >>> print(cyrnn.nn.Sequential(cyrnn.nn.LSTM(8, 16), cyrnn.nn.LastStep()).summary())
        name   module       output      weights
        ---------------------------------------
        0      LSTM(8, 16)  (L, N, 16)    1,664
        1      LastStep()   (N, 16)           0
        ---------------------------------------
        total                             1,664
        Sequential: 6.7 KB of weights, results in float32
        """
        return table(type(self).__name__, self._links)

    # ---- passes ------------------------------------------------------------------------------------

    def _begin(
        self, function: str, hx: Any, lengths: Any, resets: tuple[Any, Any], rng: np.random.Generator | None
    ) -> tuple[list[Any], Pass]:
        """Return the states of all modules, and what is said of the whole pass. `resets`: reset and reset_to."""
        _check_resets.to_initial(function, resets[1])
        if resets[0] is not None and not self._recurrent:
            _check_sequential.no_resets(function)
        if type(lengths) is np.ndarray:  # the same for all modules, whatever another thread does to them
            lengths = lengths.copy()
        states = _check_sequential.states(function, "hx", hx, len(self._recurrent))
        return self._of_links(states), Pass(lengths, *resets, self.batch_first, rng)

    def _of_links(self, states: Sequence[Any]) -> list[Any]:
        """Return for each module the state that it has among those of recurrent layers; None of the others."""
        found: list[Any] = [None] * len(self._links)
        for i, state in zip(self._recurrent, states, strict=True):
            found[i] = state
        return found

    # ---- attributes, copies ----------------------------------------------------------------------

    if not TYPE_CHECKING:  # names with dots are no attributes to a type checker

        def __getattr__(self, name):
            module, dot, key = name.rpartition(".")
            for link in self.__dict__.get("_links", ()) if dot else ():
                if link.name == module and key in links.shapes_of(link):
                    return getattr(link.module, key)
            return object.__getattribute__(self, name)

        def __setattr__(self, name, value):
            module, dot, key = name.rpartition(".")
            for link in self.__dict__.get("_links", ()) if dot else ():
                if link.name == module and key in links.shapes_of(link):
                    setattr(link.module, key, value)
                    return
            object.__setattr__(self, name, value)

    def __dir__(self) -> list[str]:
        """Return what a shell completes: no names of ours alone, nor what only says that it is not here."""
        special = {name for name in super().__dir__() if name[:1] != "_" or name[:2] == "__"}
        return sorted(special - set(_check_modules.REFUSED))

    def __copy__(self) -> Self:
        """Return a model of copies of the modules: it may be cast, and packed, alone."""
        return self._with(tuple([copy.copy(module) for module in self._modules]))

    def _with(self, modules: tuple[Any, ...]) -> Self:
        """Return this model with other modules."""
        own = {name: value for name, value in self.__dict__.items() if name not in ("_modules", "_links", "_recurrent")}
        model = type(self)._of(modules)
        model.__dict__.update(own)
        return model

    def __getstate__(self) -> dict[str, Any]:
        links.one_dtype(self._weighted)
        return {name: value for name, value in self.__dict__.items() if name not in ("_links", "_recurrent")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._assemble(self._modules)


def _flat(modules: Sequence[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield modules by their names, those of inner models in their places."""
    for i, module in enumerate(modules):
        if isinstance(module, Container):
            yield from _flat(module._modules, f"{prefix}{i}.")
        else:
            yield f"{prefix}{i}", module
