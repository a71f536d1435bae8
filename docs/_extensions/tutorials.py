"""What a tutorial offers at its head, the notebook and Colab, and the cell that installs cyrnn on Colab.

Two settings of conf.py decide: `colab_install`, what pip is given on Colab, and `repository`, the address on GitHub, if
there is one. Each notebook has the install cell in its file, since Colab opens that; after a change of a setting, or in
a new notebook,

    python docs/_extensions/tutorials.py

writes these cells anew. The build warns of a notebook where this was forgotten. The cell runs on Colab alone.
"""

from __future__ import annotations

import json
import runpy
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.util import logging

DOCS = Path(__file__).resolve().parents[1]
CELL = "colab"  # its id
COLAB = "https://colab.research.google.com/"
LINKS = """\
<div class="tutorial-links">
<a class="tutorial-download" href="{up}_sources/{docname}.ipynb" download>Download the notebook</a>
<a href="{colab}"><img src="{up}_static/colab.svg" alt="Open in Colab" width="122" height="26"></a>
</div>
"""
BY_HAND = """\
<p class="tutorial-by-hand">On Colab, upload the notebook, then <code>cyrnn.zip</code>:
<a href="{up}tutorials/index.html#on-colab">how</a>.</p>
"""


def install_cell(notebook: dict, repository: str | None, install: str) -> dict:
    """Return the cell for a notebook, whose metadata name the files that it reads, beside it, and packages."""
    wanted = notebook["metadata"].get("cyrnn", {})
    from_zip = ", after it was uploaded" if install.endswith(".zip") else ""
    lines = [f"# On Colab alone: installs {install.removeprefix('./')}{from_zip}", "import sys", ""]
    packages = " ".join([install, *wanted.get("packages", [])])
    lines += ['if "google.colab" in sys.modules:', f"    %pip install -q {packages}"]
    for name in wanted.get("files", []):
        path = (DOCS / "tutorials" / name).resolve().relative_to(DOCS.parent)
        folder = Path(name).parent.as_posix()
        if repository:
            lines.append(f"    !wget -q -P {folder} {repository}/raw/main/{path.as_posix()}")
        else:
            lines.append(f'    !mkdir -p {folder} && unzip -qjo cyrnn.zip "*{path.as_posix()}" -d {folder}')
    source = [line + "\n" for line in lines[:-1]] + lines[-1:]
    metadata = {"tags": ["remove-cell", "skip-execution"]}
    return {
        "cell_type": "code", "execution_count": None, "id": CELL, "metadata": metadata, "outputs": [], "source": source,
    }


def lines_of(source: str | list[str]) -> list[str]:
    return source.splitlines() if isinstance(source, str) else "".join(source).splitlines()


def with_install_cell(notebook: dict, repository: str | None, install: str) -> dict:
    """Return the notebook with its cell behind the first one, which has the title."""
    cells = [cell for cell in notebook["cells"] if cell.get("id") != CELL]
    return notebook | {"cells": [*cells[:1], install_cell(notebook, repository, install), *cells[1:]]}


def colab_address(docname: str, repository: str | None) -> str:
    if not repository:
        return f"{COLAB}#upload=true"
    return repository.replace("https://github.com/", f"{COLAB}github/") + f"/blob/main/docs/{docname}.ipynb"


def check(app):
    for path in sorted((Path(app.srcdir) / "tutorials").glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        wanted = install_cell(notebook, app.config.repository, app.config.colab_install)
        second = notebook["cells"][1]
        if second.get("id") != CELL or lines_of(second["source"]) != lines_of(wanted["source"]):
            told = "no install cell, or another one: python docs/_extensions/tutorials.py writes it"
            logging.getLogger(__name__).warning(told, location=f"tutorials/{path.stem}")


def add_links(app, doctree, docname):
    if app.builder.format != "html" or Path(app.env.doc2path(docname)).suffix != ".ipynb":
        return
    title = next(doctree.findall(nodes.title), None)
    if title is not None:
        repository, up = app.config.repository, "../" * docname.count("/")
        links = LINKS.format(up=up, docname=docname, colab=escape(colab_address(docname, repository)))
        by_hand = "" if repository and not app.config.colab_install.endswith(".zip") else BY_HAND.format(up=up)
        title.parent.insert(title.parent.index(title) + 1, nodes.raw("", links + by_hand, format="html"))


def setup(app):
    app.add_config_value("repository", None, "html", (str, type(None)))
    app.add_config_value("colab_install", "./cyrnn.zip", "html", str)
    app.add_css_file("tutorials.css")
    app.connect("builder-inited", check)
    app.connect("doctree-resolved", add_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def main():
    settings = runpy.run_path(str(DOCS / "conf.py"))
    for path in sorted((DOCS / "tutorials").glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        notebook = with_install_cell(notebook, settings["repository"], settings["colab_install"])
        text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)  # as nbformat writes it
        path.write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
