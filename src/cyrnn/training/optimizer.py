"""What all optimizers have in common: modules, a learning rate, a state, a step that is all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NoReturn

import numpy as np

from .. import calls
from . import _check_optimizers as _check
from .modules import Trained, trained

_compiled = calls.training()


class Optimizer:
    """Changes the weights of modules by their gradients: what `SGD`, `RMSprop`, `Adam` and `AdamW` have in common."""

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
            for name, weight in _weights(function, each).items():
                own = f"{each.prefix}{name}"
                self._counts[own] = 0
                self._state[own] = tuple([None if kind is None else np.zeros_like(weight) for kind in state])

    def __repr__(self) -> str:
        modules = ", ".join([each.kind for each in self._modules])
        if self._modules[0].prefix:  # a list was given
            modules = f"[{modules}]"
        options = {"lr": "<schedule>" if callable(self._lr) else self._lr, **self._options()}
        return f"{type(self).__name__}({', '.join([modules, *(f'{name}={value}' for name, value in options.items())])})"

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

        See Also
        --------
        cyrnn.nn.LSTM.backward : Where gradients come from.
        cyrnn.training.clip_grad_norm : Gradients that are not too long.

        Notes
        -----
        Weights are changed in place, in the arrays that are the attributes of the modules, and packed: the next call
        has them. A tape that was made before keeps the weights that it began with.

        Examples
        --------
        >>> model = cyrnn.nn.Linear(1, 1, bias=False, rng=0)
        >>> model.weight[...] = 1
        >>> cyrnn.training.SGD(model, lr=0.5).step({"weight": np.ones((1, 1), np.float32)})
        >>> model.weight
        array([[0.5]], dtype=float32)
        """
        function = f"{type(self).__name__}.step"
        lr = self._lr
        with calls.DefaultEnvironment():
            rate = _check.scheduled(function, lr, self._updates) if callable(lr) else lr
        given = self._given(function, gradients)
        weights = [_attributes(each) for each in self._modules]
        rows = self._rows(given, weights)
        if rows is not None:
            counts = {name: self._counts[name] + 1 for name in rows}
            every = self._numbers_of(rate, counts)
            if _compiled.update(self._method, list(rows.values()), every) is None:
                rows = None
        if rows is None:  # something is not plain, or wrong
            weights = [_weights(function, each) for each in self._modules]
            rows = self._plain(function, given, weights)
            counts = {name: self._counts[name] + 1 for name in rows}
            done = _compiled.update(self._method, list(rows.values()), self._numbers_of(rate, counts))
            _check.updated(function, done)
        self._counts |= counts
        self._updates += 1
        for each, arrays in zip(self._modules, weights, strict=True):
            for prefix, module, names in each.leaves:
                module._written({name: arrays[f"{prefix}{name}"] for name in names})

    def zero_grad(self, set_to_none: bool = True) -> NoReturn:
        """Say that there is nothing to be set to zero: `step` is given the gradients of its update alone."""
        _check.nothing_kept(f"{type(self).__name__}.zero_grad")

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all that is kept from step to step.

        Returns
        -------
        dict
            Arrays and whole numbers, which `np.savez` takes: for each weight, under its name and that of torch's
            ("0.weight.exp_avg", with the number of the module first where there are several), its state, and the
            `step`s that it has seen; and `updates`. What the constructor was given is not in it.

        See Also
        --------
        load_state_dict : Go on from it.
        cyrnn.nn.LSTM.state_dict : The weights, which are kept apart.

        Examples
        --------
        >>> sorted(cyrnn.training.SGD(cyrnn.nn.Linear(2, 1, rng=0), momentum=0.9).state_dict())
        ['bias.momentum_buffer', 'bias.step', 'updates', 'weight.momentum_buffer', 'weight.step']
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

        See Also
        --------
        state_dict : What makes such a state.

        Examples
        --------
        >>> model = cyrnn.nn.Linear(2, 1, bias=False, rng=0)
        >>> first, second = cyrnn.training.Adam(model), cyrnn.training.Adam(model)
        >>> first.step({"weight": np.ones((1, 2), np.float32)})
        >>> second.load_state_dict(first.state_dict())
        >>> second.updates
        1
        """
        own: dict[str, Any] = {"updates": self._updates}
        for name, arrays in self._state.items():
            own[f"{name}.step"] = self._counts[name]
            own |= {f"{name}.{kind}": array for kind, array in zip(self._names, arrays, strict=True) if kind}
        found = _check.state(f"{type(self).__name__}.load_state_dict", state_dict, own)
        state = {name: tuple([found.get(f"{name}.{kind}") for kind in self._names]) for name in self._state}
        counts = {name: found[f"{name}.step"] for name in self._state}
        self._state, self._counts, self._updates = state, counts, found["updates"]

    def _options(self) -> dict[str, Any]:
        """Return the options beside lr by their names."""
        raise NotImplementedError  # pragma: no cover  # each optimizer has its own

    def _numbers(self, lr: float, count: int) -> tuple[float, ...]:
        """Return the numbers of an update of a weight, the `count`th from 1."""
        raise NotImplementedError  # pragma: no cover  # each optimizer has its own

    def _given(self, function: str, gradients: Any) -> list[Mapping[str, Any]]:
        """Return the gradients of each module by their names."""
        modules = self._modules
        if len(modules) == 1 and not modules[0].prefix:
            _check.gradients_of_one(function, gradients)
            return [_check.named_gradients(function, "gradients", gradients)]
        listed = _check.gradients_listed(function, gradients, len(modules))
        return [_check.named_gradients(function, each.argument, own) for each, own in zip(modules, listed, strict=True)]

    def _rows(self, given: list[Mapping[str, Any]], weights: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]] | None:
        """Return the arrays of an update, as they are; None where names or arrays are not those of the weights."""
        rows, shared, state = {}, set(), self._state
        for each, named, arrays in zip(self._modules, given, weights, strict=True):
            if len(named) != len(arrays):
                return None
            prefix = each.prefix
            for name, weight in arrays.items():
                gradient = named.get(name, self)
                if gradient is self or weight is None:
                    return None
                if gradient is not None:
                    if type(gradient) is np.ndarray and np.may_share_memory(weight, gradient):  # a copy is read then
                        return None
                    own = prefix + name
                    shared.add(id(weight))
                    rows[own] = (weight, gradient, *state[own])
        return rows if len(shared) == len(rows) else None

    def _plain(
        self, function: str, given: list[Mapping[str, Any]], weights: list[dict[str, Any]]
    ) -> dict[str, tuple[Any, ...]]:
        """Return the arrays of an update so that calls take them, or say what is wrong with one."""
        for each, named, arrays in zip(self._modules, given, weights, strict=True):
            _check.same_names(function, each.argument, named, arrays)
        found: dict[str, tuple[Any, ...]] = {}
        seen: dict[int, str] = {}
        for each, named, arrays in zip(self._modules, given, weights, strict=True):
            for name, weight in arrays.items():
                own = f"{each.prefix}{name}"
                if named[name] is None:
                    continue
                if id(weight) in seen:
                    _check.shared(function, own, seen[id(weight)])
                seen[id(weight)] = own
                for array in self._state[own]:
                    if array is not None and (array.shape, array.dtype) != (weight.shape, weight.dtype):
                        _check.other_state(function, own, weight, array)
                gradient = _check.gradient(function, f"the gradient of {own}", named[name], weight)
                found[own] = (weight, gradient, *self._state[own])
        return found

    def _numbers_of(self, lr: float, counts: Mapping[str, int]) -> list[tuple[float, ...]]:
        """Return the numbers of an update of each weight."""
        with calls.DefaultEnvironment():
            numbers = {count: self._numbers(lr, count) for count in set(counts.values())}
        return [numbers[count] for count in counts.values()]


def _attributes(each: Trained) -> dict[str, Any]:
    """Return the weights of a module as they are, None for one that is no attribute any more."""
    return {f"{prefix}{name}": getattr(module, name, None) for prefix, module, names in each.leaves for name in names}


def _weights(function: str, each: Trained) -> dict[str, Any]:
    """Return them so that calls take them: copies of those that are not plain."""
    return {
        f"{prefix}{name}": weight
        for prefix, module, _ in each.leaves
        for name, weight in module._trainable(function).items()
    }
