"""The role of single backquotes in docstrings: a link where an object of ours has the name, plain code elsewhere.

`lstm_forward` in a docstring leads to its page, `forward` to that of the same class, `np.load` to NumPy's; `c0`, an
argument, and `Wf Wi Wc Wo`, four keys, are code. Sphinx's own `py:obj` would call the latter broken links, and its
`autolink` sets them in italics.
"""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes
from sphinx.util.nodes import make_refnode


def code_name(name, rawtext, text, lineno, inliner, options=None, content=None):
    literal = nodes.literal(rawtext, text, classes=["xref"])
    if not text.replace(".", "").replace("_", "").isalnum():
        return [nodes.literal(rawtext, text)], []
    env = inliner.document.settings.env
    link = addnodes.pending_xref(
        "",
        literal,
        refdomain="py",
        reftype="obj",
        reftarget=text,
        refdoc=env.docname,
        refwarn=False,
        **{"py:module": env.ref_context.get("py:module"), "py:class": env.ref_context.get("py:class")},
    )
    link["may_be_code"] = True
    return [link], []


#: where a name is looked for that the current class and module have not: `nn.LSTM`, `LSTM`, `pack`
ROOMS = ("cyrnn", "cyrnn.nn", "cyrnn.training")


def link_within(app, env, node, contnode):
    """Return a link to an object of another room; leave `np.load` to intersphinx, and code where there is no object."""
    if not node.get("may_be_code"):
        return None
    domain, target = env.domains["py"], node["reftarget"]
    for name in (f"{room}.{target}" for room in ROOMS):
        found = domain.objects.get(name)
        if found and not found.aliased:
            return make_refnode(app.builder, node["refdoc"], found.docname, found.node_id, contnode, name)
    if "." not in target:  # `input` and `random` are arguments, no objects of Python's
        return contnode
    node["reftarget"] = target.replace("np.", "numpy.", 1) if target.startswith("np.") else target
    return None


def leave_as_code(app, env, node, contnode):
    return contnode if node.get("may_be_code") else None


def setup(app):
    app.add_role("code-name", code_name)
    app.connect("missing-reference", link_within, priority=100)
    app.connect("missing-reference", leave_as_code, priority=900)  # behind intersphinx
    return {"parallel_read_safe": True, "parallel_write_safe": True}
