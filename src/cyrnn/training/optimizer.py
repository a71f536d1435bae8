"""What all optimizers have in common: modules, a learning rate, a state, a step that is all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .. import calls
from . import _check_optimizers as _check
from .modules import trained

if TYPE_CHECKING:
    from numpy.typing import NDArray

_compiled = calls.training()


class Optimizer:
    """Changes the weights of modules by their gradients; see the classes that do."""

    #: the name of the update in calls
    _method: ClassVar[str]

    def __init__(self, modules: Any, lr: Any, state: tuple[str | None, ...]) -> None:
        """`state`: the names of the arrays that are kept for each weight, None for what an option leaves out."""
        function = type(self).__name__
        self._lr = _check.rate_or_schedule(function, lr)
        self._modules = trained(function, modules)
        self._names = state
        self._updates = 0
        self._counts: dict[str, int] = {}  # of the updates of each weight
        self._state: dict[str, tuple[Any, ...]] = {}
        for each in self._modules:
            for prefix, module in each.leaves:
                for name, weight in module._trainable(function).items():
                    own = f"{each.prefix}{prefix}{name}"
                    self._counts[own] = 0
                    self._state[own] = tuple([None if kind is None else np.zeros_like(weight) for kind in state])

    @property
    def lr(self) -> float | Callable[[int], float]:
        """The learning rate, or the schedule that says it; may be set."""
        return self._lr

    @lr.setter
    def lr(self, value: Any) -> None:
        self._lr = _check.rate_or_schedule(f"{type(self).__name__}.lr", value)

    @property
    def updates(self) -> int:
        """How many steps have been taken: what a schedule is called with."""
        return self._updates

    def step(self, gradients: Any) -> None:
        """Change all weights by their gradients, and let them take effect.

        Parameters
        ----------
        gradients : Gradients, dict, or a list of them
            What `backward` of the module returned, of which `weights` is read; or a dict with the names of
            `state_dict`, in which None stands for a weight that stays as it is. Of several modules a list of these.

        Raises
        ------
        ValueError, TypeError
            If names, shapes or dtypes are not those of the weights, or the schedule says no learning rate; before any
            work: weights, state and counts stay as they were.

        Notes
        -----
        Weights are changed in place, in the arrays that are the attributes of the modules, and packed: the next call
        has them. A tape that was made before keeps the weights that it began with.
        """
        function = f"{type(self).__name__}.step"
        lr = self._lr
        with calls.DefaultEnvironment():
            rate = _check.scheduled(function, lr, self._updates) if callable(lr) else lr
        given = self._given(function, gradients)
        names: list[str] = []
        rows: list[tuple[Any, ...]] = []
        written: list[tuple[Any, dict[str, NDArray[Any]]]] = []
        for each, named in zip(self._modules, given, strict=True):
            expected: dict[str, Any] = {}
            for prefix, module in each.leaves:
                weights = module._trainable(function)
                written.append((module, weights))
                expected |= {f"{prefix}{name}": weight for name, weight in weights.items()} if prefix else weights
            if named.keys() != expected.keys():
                _check.same_names(function, each.argument, named, expected)
            for name, weight in expected.items():
                gradient = named[name]
                if gradient is not None:
                    names.append(f"{each.prefix}{name}")
                    rows.append((weight, gradient, *self._state[names[-1]]))
        if len({id(row[0]) for row in rows}) < len(rows):
            self._refuse_shared(function, names, rows)
        counts = {name: self._counts[name] + 1 for name in names}
        with calls.DefaultEnvironment():
            numbers = {count: self._numbers(rate, count) for count in set(counts.values())}
        every = [numbers[count] for count in counts.values()]
        if _compiled.update(self._method, rows, every) is None:
            _compiled.update(self._method, self._plain(function, names, rows), every)
        self._counts |= counts
        self._updates += 1
        for module, weights in written:
            module._written(weights)

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all that is kept from step to step.

        Returns
        -------
        dict
            Arrays and whole numbers, which `np.savez` takes: for each weight, under its name and that of torch's
            ("0.weight.exp_avg", with the number of the module first where there are several), its state, and the
            `step`s that it has seen; and `updates`. What the constructor was given is not in it.
        """
        found: dict[str, Any] = {"updates": self._updates}
        for name, arrays in self._state.items():
            found[f"{name}.step"] = self._counts[name]
            for kind, array in zip(self._names, arrays, strict=True):
                if kind is not None:
                    found[f"{name}.{kind}"] = array.copy()
        return found

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` returned.

        Parameters
        ----------
        state_dict : mapping
            Such a dict, or what `np.load` returns for a file of it. The arrays are copied.

        Raises
        ------
        ValueError, TypeError
            If it is not the state of an optimizer of this class with these options over modules as these; nothing has
            changed then.
        """
        own: dict[str, Any] = {"updates": self._updates}
        for name, arrays in self._state.items():
            own[f"{name}.step"] = self._counts[name]
            own |= {f"{name}.{kind}": array for kind, array in zip(self._names, arrays, strict=True) if kind}
        found = _check.state(f"{type(self).__name__}.load_state_dict", state_dict, own)
        state = {name: tuple([found.get(f"{name}.{kind}") for kind in self._names]) for name in self._state}
        counts = {name: found[f"{name}.step"] for name in self._state}
        self._state, self._counts, self._updates = state, counts, found["updates"]

    def _numbers(self, lr: float, count: int) -> tuple[float, ...]:
        """Return the numbers of an update of a weight, the `count`th from 1."""
        raise NotImplementedError  # pragma: no cover

    def _given(self, function: str, gradients: Any) -> list[Mapping[str, Any]]:
        """Return the gradients of each module by their names."""
        modules = self._modules
        if len(modules) == 1 and not modules[0].prefix:
            return [_check.named_gradients(function, "gradients", gradients)]
        listed = _check.gradients_listed(function, gradients, len(modules))
        return [_check.named_gradients(function, each.argument, own) for each, own in zip(modules, listed, strict=True)]

    def _refuse_shared(self, function: str, names: list[str], rows: list[tuple[Any, ...]]) -> None:
        seen: dict[int, str] = {}
        for name, (weight, *_) in zip(names, rows, strict=True):
            if id(weight) in seen:
                _check.shared(function, name, seen[id(weight)])
            seen[id(weight)] = name

    def _plain(self, function: str, names: list[str], rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return the arrays of an update with gradients that calls take, or say what is wrong with one."""
        found = []
        for name, (weight, gradient, *state) in zip(names, rows, strict=True):
            for array in state:
                if array is not None and (array.shape, array.dtype) != (weight.shape, weight.dtype):
                    _check.other_state(function, name, weight, array)
            found.append((weight, _check.gradient(function, f"the gradient of {name}", gradient, weight), *state))
        return found
