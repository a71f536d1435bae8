"""Entries of the reference: the members of a class that have one, and how much of a docstring it shows.

A class of `cyrnn.nn` inherits most methods. Each of its passes is on its own page. Any other method is described on the
page of one class; on the pages of others there are its first sentence and a link to that one.
"""

from __future__ import annotations

import inspect

from public import members_of, object_of, public_names

PASSES = ("__call__", "forward", "backward", "step")
#: where a method is described that several classes have; else it is the first of them
FIRST = ("cyrnn.nn.RNN", "cyrnn.nn.RNNCell", "cyrnn.nn.Linear")


def public_classes() -> list[str]:
    return [name for name in public_names() if inspect.isclass(object_of(name))]


def members(fullname: str) -> list[tuple[str, str]]:
    """Return directive and name of each member of a class, passes first and attributes last."""
    kind = object_of(fullname)
    found = []
    for name in members_of(kind):
        attribute = not callable(getattr(kind, name))
        place = PASSES.index(name) if name in PASSES else len(PASSES) + attribute
        found.append((place, name, "autoproperty" if attribute else "automethod"))
    return [(directive, name) for _, name, directive in sorted(found)]


def described_elsewhere() -> dict[str, str]:
    """Return the full names of methods that are described on another class's page, and their names there."""
    classes = public_classes()
    names = [name for name in public_names() if name.rpartition(".")[0] in classes]
    first: dict[object, str] = {}
    found = {}
    for name in sorted(names, key=lambda name: [not name.startswith(f"{kind}.") for kind in FIRST]):
        owner, _, member = name.rpartition(".")
        method = inspect.getattr_static(object_of(owner), member)
        seen = first.setdefault(method, name)
        if seen != name and member not in PASSES and not isinstance(method, property):
            found[name] = seen
    return found


ELSEWHERE: dict[str, str] = {}


def shorten(app, what, name, obj, options, lines):
    """Replace what numpydoc made of a docstring by its first sentence and a link."""
    there = ELSEWHERE.get(name)
    if there:
        summary = inspect.getdoc(obj).partition("\n\n")[0].splitlines()
        lines[:] = [*summary, "", f"As :meth:`{there.removeprefix('cyrnn.')} <{there}>`, which describes it.", ""]


def name_defaults(app, what, name, obj, options, signature, returned):
    """Show the default of `dtype` as one writes it."""
    return (signature.replace("<class 'numpy.float32'>", "np.float32"), returned) if signature else None


def setup(app):
    ELSEWHERE.update(described_elsewhere())
    app.connect("autodoc-process-docstring", shorten, priority=600)  # behind numpydoc
    app.connect("autodoc-process-signature", name_defaults, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
