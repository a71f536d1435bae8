"""The form of a docstring: STYLE's sections in their order, and those that no public function leaves out."""

from __future__ import annotations

import re

SECTIONS = ["Parameters", "Returns", "Raises", "See Also", "Notes", "References", "Examples"]
REQUIRED = {"Parameters", "Returns", "Raises", "Examples"}
HEADING = re.compile(r"^(\w[\w ]*)\n-+$", re.MULTILINE)
