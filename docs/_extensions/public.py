"""What is public: every name of cyrnn's rooms for users, and every method and attribute of their classes."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

from cyrnn.nn._check_modules import REFUSED

ROOMS = ["cyrnn", "cyrnn.nn", "cyrnn.training", "cyrnn.plot", "cyrnn.onnx", "cyrnn.estimators", "cyrnn.distributed"]
#: beside `__all__`: a star import leaves them out
MORE = {"cyrnn": ["get_num_threads", "set_num_threads"]}


def names_of(room: Any) -> list[str]:
    names = getattr(room, "__all__", None) or [name for name in vars(room) if not name.startswith("_")]
    return [name for name in [*names, *MORE.get(room.__name__, ())] if not inspect.ismodule(getattr(room, name))]


def members_of(kind: type) -> Iterator[str]:
    """Yield what a class, or one that it inherits from, defines for users here, not in a package that it is built on.

    Methods that only say that they are not here, as `cuda`, are none: `dir(model)` leaves them out, too.
    """
    for name in dir(kind):
        owner = next(base for base in kind.__mro__ if name in vars(base))
        found = getattr(inspect.getattr_static(kind, name), "__func__", inspect.getattr_static(kind, name))
        ours = owner.__module__.startswith("cyrnn") and not getattr(found, "__module__", "cyrnn").startswith("sklearn")
        if ours and (name == "__call__" or not name.startswith("_")) and name not in REFUSED and documentable(found):
            yield name


def documentable(found: Any) -> bool:
    return callable(found) or isinstance(found, property) or inspect.isdatadescriptor(found)


def object_of(name: str) -> Any:
    """Return what has a full name."""
    room = max((room for room in ROOMS if name == room or name.startswith(f"{room}.")), key=len)
    found: Any = importlib.import_module(room)
    for part in name.removeprefix(room).split(".")[1:]:
        found = getattr(found, part)
    return found


def public_names(rooms: list[str] = ROOMS) -> list[str]:
    """Return the full names of all that is public, as `cyrnn.nn.LSTM.step`."""
    found = []
    for name in rooms:
        room = importlib.import_module(name)
        for inner in names_of(room):
            found.append(f"{name}.{inner}")
            if inspect.isclass(getattr(room, inner)):
                found += [f"{name}.{inner}.{member}" for member in members_of(getattr(room, inner))]
    return found
