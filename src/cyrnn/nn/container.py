"""What a model of several modules is but its passes: its modules, and their weights under one set of names."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from . import _check_files, _check_modules, _check_resets, _check_sequential, _check_weights, links
from .habits import Habits
from .links import Link, Pass
from .module import WRITERS
from .summary import table

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Container(Habits):
    """Modules by their places, with the methods of one module; see Sequential."""

    _modules: tuple[Any, ...]
    _links: tuple[Link, ...]
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
        return links.batch_first(self._links)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._weighted[0].module.dtype  # type: ignore[no-any-return]  # a dtype

    @property
    def _weighted(self) -> list[Link]:
        return links.weighted(self._links)

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

    # ---- weights ---------------------------------------------------------------------------------

    def pack(self) -> None:
        """Let the weights of all modules, as they now stand in the attributes, take effect.

        Raises
        ------
        ValueError
            If an attribute is not as its module wants it; the sentence says which. No module has changed then.
        """
        self._each("pack", lambda link: link.module._weights("pack"))
        for link in self._weighted:
            link.module.pack()

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return copies of the weights of all modules by their names, "0.weight_ih_l0", in torch's order.

        Returns
        -------
        dict
            What `np.savez`, safetensors, `load_state_dict` and torch's take.

        Raises
        ------
        ValueError
            As `pack` does.
        """
        parts = self._each("state_dict", lambda link: link.module._weights("state_dict"))
        return {f"{name}.{key}": value for name, part in parts.items() for key, value in part.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any], *, prefix: str = "") -> None:
        """Replace all weights of all modules, and pack them.

        Parameters
        ----------
        state_dict : mapping
            Name to array, as "0.weight_ih_l0": what `state_dict` returns, `np.load` of a .npz file, and so on.
        prefix : str
            What the names begin with. Others are passed over.

        Raises
        ------
        ValueError
            If names are missing, if there are others, or if arrays have other shapes or are not of floats: one error,
            also a KeyError, that lists them all. The model stays as it was.
        TypeError
            If state_dict is not a mapping.
        """
        function = f"{type(self).__name__}.load_state_dict"
        given = _check_weights.state_dict(function, "state_dict", state_dict, prefix)
        try:
            found = _check_weights.weights(function, "state_dict", given, self._shapes, self.dtype, self._integers)
        except _check_weights.Misfit:
            _check_weights.other_contents(function, "state_dict", state_dict)
            raise
        parts = {link.name: _under(found, link.name) for link in self._weighted}
        self._each("load_state_dict", lambda link: link.module._checked(function, "state_dict", parts[link.name]))
        for link in self._weighted:
            link.module._take(function, "state_dict", parts[link.name])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the modules, with their weights and options, to a file, from which `cyrnn.nn.load` makes this model.

        Parameters
        ----------
        path : str or PathLike
            Its ending says the format: .npz or .safetensors. The names of weights are those of `state_dict`.

        Raises
        ------
        ValueError
            If the ending is none of these, an attribute is not as `pack` wants it, or modules are of two dtypes, as
            where one was cast alone.
        TypeError
            If path is no path.
        OSError
            As the system raises it.

        Notes
        -----
        The file is written beside the path and takes its place at the end: what was there stays until then.

        Examples
        --------
        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "model.npz")
        >>> cyrnn.nn.Sequential(cyrnn.nn.GRU(3, 5, rng=0), cyrnn.nn.Linear(5, 2, rng=0)).save(path)
        >>> len(cyrnn.nn.load(path))
        2
        >>> folder.cleanup()
        """
        function = f"{type(self).__name__}.save"
        found = _check_files.path(function, path)
        links.one_dtype(self._weighted)
        WRITERS[_check_files.ending(function, found, WRITERS)](self, found)

    @property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        parts = {link.name: links.shapes_of(link) for link in self._weighted}
        return {f"{name}.{key}": shape for name, part in parts.items() for key, shape in part.items()}

    @property
    def _integers(self) -> dict[str, np.dtype[Any]]:
        """The dtypes of weights that are integers."""
        plans = {link.name: link.module._plan for link in self._weighted if links.integers_of(link) is not None}
        return {f"{name}.{key}": plan.integers for name, plan in plans.items() for key in plan.matrices}

    def _each(self, method: str, do: Callable[[Link], Any]) -> dict[str, Any]:
        """Return what something gives for every module that has weights; an error says for which it was one."""
        found: dict[str, Any] = {}
        link = self._links[0]
        try:
            for link in self._weighted:
                found[link.name] = do(link)
        except (ValueError, TypeError) as error:
            _check_sequential.inside(f"{type(self).__name__}.{method}", link.name, error)
        return found

    def _cast(self, dtype: np.dtype[Any]) -> None:
        before = self.dtype
        try:
            self._each("to", lambda link: link.module._cast(dtype))
        except BaseException:
            for link in self._weighted:  # all or none: those that can be cast there can be cast back
                link.module._cast(before)
            raise

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


def _under(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key.removeprefix(f"{name}."): value for key, value in given.items() if key.startswith(f"{name}.")}
