"""What all classes of nn have in common: weights under torch's names, packed for the kernels."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple

import numpy as np

from . import _check, _check_files, _check_modules, _check_weights, weights
from .habits import Habits
from .trainable import Trainable, plain_shape
from .typed import F
from .unread import Unread
from .weights import AnyPlan

if TYPE_CHECKING:
    from numpy.typing import NDArray


#: ending of a path -> what writes a model there; files.py, which knows the formats, fills it
WRITERS: dict[str, Callable[[Any, str], None]] = {}
#: those that hold every model; the others are for recurrent layers
OF_ALL = (".npz", ".safetensors")


class Loaded(NamedTuple):
    """The weights that a model begins with, in the place of a generator that draws them."""

    function: str
    argument: str
    weights: Mapping[str, Any]
    unshared: bool = False  # whether nobody else has the arrays
    integers: np.dtype[Any] | None = None  # where matrices are such, with scales


class Module(Unread, Habits, Trainable, Generic[F]):
    """A model: its weights are attributes, and what it computes with are packed copies of them.

    Weights are plain arrays under the names, in the shapes and with the order of gates of torch.nn. What is changed in
    them takes effect at the next `pack`, for all of them at once and in every call; a call that is under way, and a
    tape, keep the weights that they began with. So one object may serve many threads. A copy of a model, and a pickle,
    packs what the attributes hold.
    """

    #: the arguments of the constructor beside the sizes, in the order in which `repr` shows them, and their defaults
    _options: ClassVar[dict[str, Any]]
    #: those that torch's classes have not
    _variants: ClassVar[dict[str, Any]] = {}

    #: endings that an unknown one is told; of recurrent layers, whatever WRITERS has
    _formats: ClassVar[tuple[str, ...]] = OF_ALL

    _plan: Any  # AnyPlan, of a kind that each class says
    _sublayers: tuple[Any, ...]

    def _begin(self, plan: AnyPlan, rng: Any) -> None:
        self._plan, self._unread = plan, {}
        if isinstance(rng, Loaded):
            self._plan = plan if rng.integers is None else replace(plan, integers=rng.integers)
            self._take(*rng[:4])
            return
        generator = _check.generator(type(self).__name__, "rng", rng)
        self.__dict__.update(weights.initial(plan, generator))
        self.pack()

    def pack(self) -> None:
        """Let the weights, as they now stand in the attributes, take effect.

        Raises
        ------
        ValueError
            If an attribute is missing, is no array of numbers or has another shape than it began with: one error
            that names them all. The model goes on with the weights that it had.

        See Also
        --------
        load_state_dict : Other weights, which are packed by it.

        Notes
        -----
        An attribute may be written to, or be replaced by another array; one of another dtype is cast to the model's.
        Until this is called nothing of that can be seen in any result.

        Examples
        --------
        >>> head = cyrnn.nn.Linear(2, 1, rng=0)
        >>> head.weight[:], head.bias[:] = 1, 0
        >>> head.pack()
        >>> head(np.ones(2, np.float32))
        array([2.], dtype=float32)
        """
        self._sublayers = weights.packed(self._plan, self._weights("pack"))

    def state_dict(self) -> dict[str, NDArray[F]]:
        """Return copies of the weights as they now stand in the attributes, by their names, in torch's order.

        Returns
        -------
        dict
            Arrays in the dtype of the model: what `np.savez`, safetensors and `load_state_dict` take.

        Raises
        ------
        ValueError
            As `pack` does.

        See Also
        --------
        load_state_dict : The inverse.
        save : The weights and the options in a file.

        Examples
        --------
        >>> list(cyrnn.nn.GRU(3, 5, rng=0).state_dict())
        ['weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0', 'bias_hh_l0']
        """
        return self._weights("state_dict")

    def load_state_dict(self, state_dict: Mapping[str, Any], *, prefix: str = "") -> None:
        """Replace all weights, and pack them.

        Parameters
        ----------
        state_dict : mapping
            Name to array: a dict, what `np.load` returns for a .npz file, what `safetensors.numpy.load_file` returns,
            or the state_dict of a torch module. The arrays are copied, and cast to the dtype of the model.
        prefix : str
            What the names begin with, as "encoder.lstm." in the state_dict of a whole model. Others are passed over.

        Raises
        ------
        ValueError
            If names are missing, if there are others, or if arrays have other shapes or are not of floats: one error,
            also a KeyError, that lists them all. Where the weights are those of another module, the error says of
            which. The model stays as it was.
        TypeError
            If state_dict is not a mapping.

        See Also
        --------
        state_dict : Copies of the weights.
        cyrnn.nn.from_state_dict : Makes the model, too.

        Notes
        -----
        The attributes are new arrays then: one that was a weight before is none any more.

        Examples
        --------
        >>> model, other = cyrnn.nn.GRU(3, 5, rng=0), cyrnn.nn.GRU(3, 5, rng=1)
        >>> model.load_state_dict(other.state_dict())
        >>> np.array_equal(model.weight_ih_l0, other.weight_ih_l0)
        True
        """
        function = f"{type(self).__name__}.load_state_dict"
        given = _check_weights.state_dict(function, "state_dict", state_dict, prefix)
        try:
            self._take(function, "state_dict", given)
            return
        except _check_weights.Misfit as error:
            misfit = error.with_traceback(None)
        # what the whole of it is says more than the list of what does not fit
        _check_weights.other_contents(function, "state_dict", state_dict)
        self._refuse_others(function, given)
        raise misfit

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the weights and all options to a file, from which `cyrnn.nn.load` makes this very model.

        Parameters
        ----------
        path : str or PathLike
            Its ending says the format: .npz, .safetensors, .onnx, .h5 or .keras. The names of weights are torch's in
            the first two, which other programs read, too; docs/how_to/onnx.md says what is in the third.

        Raises
        ------
        ValueError
            If the ending is none of these, an attribute is not as `pack` wants it, or the format cannot hold the model.
        TypeError
            If path is no path.
        OSError
            As the system raises it.

        See Also
        --------
        cyrnn.nn.load : The model that a file holds.

        Notes
        -----
        The file is written beside the path and takes its place at the end: what was there stays until then. Weights are
        written as they stand in the attributes.

        Examples
        --------
        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "gru.npz")
        >>> cyrnn.nn.GRU(3, 5, batch_first=True, rng=0).save(path)
        >>> cyrnn.nn.load(path)
        GRU(3, 5, batch_first=True)
        >>> folder.cleanup()
        """
        function = f"{type(self).__name__}.save"
        found = _check_files.path(function, path)
        WRITERS[_check_files.ending(function, found, WRITERS, self._formats)](self, found)

    @property
    def dtype(self) -> np.dtype[F]:
        """The dtype of weights, inputs and results: float32 or float64."""
        return self._plan.dtype  # type: ignore[no-any-return]  # as the annotation says

    def __getstate__(self) -> dict[str, Any]:
        self._weights("pickle")  # what could not be packed again is found out here, not where it is loaded
        unread = {name: value.copy() for name, value in dict(self._unread).items()}
        own = {name: value for name, value in dict(self.__dict__).items() if name != "_sublayers"}
        return unread | own | {"_unread": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"_unread": {}} | state)
        self.pack()

    if not TYPE_CHECKING:  # to a type checker any new name is an error

        def __setattr__(self, name, value):
            own = self.__dict__
            own.get("_unread", {}).pop(name, None)
            if name[:1] != "_" and name not in own and "_plan" in own and not hasattr(type(self), name):
                shapes = own["_plan"].shapes
                if name not in shapes:
                    _check_modules.new_attribute(self, name, shapes)
            object.__setattr__(self, name, value)

    def __dir__(self) -> list[str]:
        """Return what a shell completes: no names of ours alone, nor what only says that it is not here."""
        special = {name for name in [*super().__dir__(), *self._unread] if name[:1] != "_" or name[:2] == "__"}
        return sorted(special - set(_check_modules.REFUSED))

    def _refuse_others(self, function: str, given: Mapping[str, Any]) -> None:
        """Refuse weights of which it is known what else they are."""

    def _cast(self, dtype: np.dtype[Any]) -> None:
        if dtype != self.dtype:
            plan = replace(self._plan, dtype=dtype)
            taken = {name: array.astype(dtype) for name, array in self._weights("to").items()}
            packed = weights.packed(plan, {name: array.copy() for name, array in taken.items()})
            self.__dict__.update(taken | {"_plan": plan, "_sublayers": packed, "_unread": {}})

    def _take(self, function: str, argument: str, given: Mapping[str, Any], unshared: bool = False) -> None:
        """Take weights, of which the model and its packed form each need their own; `unshared`: as in `Loaded`."""
        shapes = self._plan.shapes
        if unshared and {name: plain_shape(value, self.dtype) for name, value in given.items()} == shapes:
            own: dict[str, Any] = {"_unread": dict(given), "_sublayers": weights.packed(self._plan, given)}
        else:
            own = self._checked(function, argument, given) | {"_unread": {}}
            own["_sublayers"] = weights.packed(self._plan, {name: own[name].copy() for name in shapes})
        self.__dict__.update(own)  # at once: another thread may load others, or pack

    def _weights(self, method: str) -> dict[str, NDArray[Any]]:
        shapes, own = self._plan.shapes, self._own()  # as it is now: another thread may load others
        given = {name: own[name] for name in shapes if name in own}
        return self._checked(f"{type(self).__name__}.{method}", "a weight", given)

    def _checked(self, function: str, argument: str, given: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """Return copies of all weights, in the dtypes of the model."""
        return _check_weights.weights(function, argument, given, self._plan.shapes, self.dtype)
