"""Make the pictures of docs/how_to/pictures.md again: run the code of the page in docs/how_to/pictures/.

    python -m ci.pictures
"""

from __future__ import annotations

import os
import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs" / "how_to"


def main() -> None:
    os.environ["MPLBACKEND"] = "Agg"
    page = (DOCS / "pictures.md").read_text(encoding="utf-8")
    os.chdir(DOCS / "pictures")
    for section in page.split("\n## "):
        namespace: dict[str, object] = {}
        for code in re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
            exec(compile(code, "docs/how_to/pictures.md", "exec"), namespace)


if __name__ == "__main__":
    main()
