"""Weights that came from a file and that nobody has asked for yet.

The packed form of a model keeps the arrays that it was packed from, for the backward pass. Attributes are other arrays,
which may be written to. Of a model of 40 MB they are another 40 MB and half of the time of loading it, so that each is
made where it is first asked for; most programs only call the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Unread:
    """An object some of whose attributes are made from `_unread` when they are asked for."""

    _unread: dict[str, NDArray[Any]]  # arrays of the packed form, which are never written to

    def _own(self) -> dict[str, Any]:
        """Return all attributes as they are now, those that nobody asked for as arrays that must not be written to.

        Those are looked at first: another thread that asks for one sets it before it takes it out of them.
        """
        unread = dict(self.__dict__.get("_unread", ()))
        return unread | dict(self.__dict__)

    if not TYPE_CHECKING:  # to a type checker a misspelt name is an error

        def __getattr__(self, name):
            own = self.__dict__
            value = own.get("_unread", {}).get(name)
            if value is not None:
                found = own.setdefault(name, value.copy())  # of two threads one is first
                own["_unread"].pop(name, None)
                return found
            return own[name] if name in own else object.__getattribute__(self, name)

        def __delattr__(self, name):
            if self.__dict__.get("_unread", {}).pop(name, None) is None or name in self.__dict__:
                object.__delattr__(self, name)
