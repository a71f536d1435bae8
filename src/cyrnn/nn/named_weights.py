"""The weights of a model of several modules, under one set of names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _check_files, _check_sequential, _check_weights, links
from .habits import Habits
from .links import Link
from .module import OF_ALL, WRITERS

if TYPE_CHECKING:
    from numpy.typing import NDArray


class NamedWeights(Habits):
    """Modules whose weights have the names of their places before their own, as "0.weight"; see Sequential."""

    _links: tuple[Link, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of weights and results: float32 or float64."""
        return self._weighted[0].module.dtype  # type: ignore[no-any-return]  # a dtype

    @property
    def _weighted(self) -> list[Link]:
        return links.weighted(self._links)

    def pack(self) -> None:
        """Let the weights of all modules, as they now stand in the attributes, take effect.

        Raises
        ------
        ValueError
            If an attribute is not as its module wants it; the sentence says which. No module has changed then.

        See Also
        --------
        load_state_dict : Other weights, which are packed by it.

        Examples
        --------
        >>> model = cyrnn.nn.Sequential(cyrnn.nn.LSTM(3, 5, rng=0), cyrnn.nn.Linear(5, 2, rng=0))
        >>> model[1].bias[:] = 1
        >>> model.pack()
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

        See Also
        --------
        load_state_dict : The inverse.
        save : The weights and the modules' options in a file.

        Examples
        --------
        >>> model = cyrnn.nn.Sequential(cyrnn.nn.Embedding(9, 3, rng=0), cyrnn.nn.RNN(3, 5, bias=False, rng=0))
        >>> list(model.state_dict())
        ['0.weight', '1.weight_ih_l0', '1.weight_hh_l0']
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

        See Also
        --------
        state_dict : Copies of the weights.
        cyrnn.nn.load : The model of a file, with its modules.

        Examples
        --------
        >>> model = cyrnn.nn.Sequential(cyrnn.nn.Linear(3, 5, rng=0), cyrnn.nn.Linear(5, 2, rng=0))
        >>> model.load_state_dict({name: 0 * array for name, array in model.state_dict().items()})
        >>> model(np.ones(3, np.float32))[0]
        array([0., 0.], dtype=float32)
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

        See Also
        --------
        cyrnn.nn.load : The model that a file holds.

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
        WRITERS[_check_files.ending(function, found, WRITERS, OF_ALL)](self, found)

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


def _under(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key.removeprefix(f"{name}."): value for key, value in given.items() if key.startswith(f"{name}.")}
