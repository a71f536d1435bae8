"""A math renderer for Sphinx: MathML, which browsers draw without a script, a font or a request."""

from __future__ import annotations

from docutils.nodes import SkipNode
from latex2mathml.converter import convert


def converted(latex: str, display: str) -> str:
    """Return the MathML of a formula. What MathJax and pages call `aligned` is latex2mathml's `align*`."""
    found = convert(latex.replace("{aligned}", "{align*}"), display=display)
    return found.replace("<mover>", '<mover accent="true">')  # a tilde lies on its letter, not far above it


def visit_math(translator, node):
    translator.body.append(converted(node.astext(), "inline"))
    raise SkipNode


def visit_displaymath(translator, node):
    translator.body.append(f'<div class="math">{converted(node.astext(), "block")}</div>')
    raise SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
