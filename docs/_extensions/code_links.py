"""Names in the pages' code: `cyrnn.nn.LSTM` between backquotes of a page leads to where the reference has it.

A page stays plain Markdown, which reads well in the repository. Headings and the texts of links are left as they are,
and so is a name that the reference does not have.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

NAME = re.compile(r"(cyrnn(?:\.\w+)+)(?:\(.*\))?")


class CodeLinks(SphinxTransform):
    default_priority = 700

    def apply(self, **kwargs):
        for literal in list(self.document.findall(nodes.literal)):
            match = NAME.fullmatch(literal.astext())
            above = literal.parent
            if not match or isinstance(above, nodes.title | nodes.reference | addnodes.pending_xref):
                continue
            options = {"refdomain": "py", "reftype": "obj", "reftarget": match[1], "refwarn": False}
            link = addnodes.pending_xref("", refdoc=self.env.docname, refexplicit=True, **options)
            link["py:module"] = link["py:class"] = None
            link["may_be_code"] = True  # see code_names.py
            above.replace(literal, link)
            link += literal


def setup(app):
    app.add_transform(CodeLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
