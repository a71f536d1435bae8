"""Sphinx's settings: `python -m sphinx -W -n docs site`, after `pip install '.[docs]'`; no network is used."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from nbclient import NotebookClient

import cyrnn

HERE = Path(__file__).parent
PYPROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
sys.path.insert(0, str(HERE / "_extensions"))
from entries import members, public_classes  # noqa: E402  # found by the line above

project = "cyrnn"
author = "The cyrnn developers"
version = release = cyrnn.__version__
language = "en"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
    "entries",  # which members a class's page has
    "code_names",  # `names` in docstrings: links where there is such an object, code elsewhere
    "code_links",  # the same in pages: `cyrnn.nn.LSTM`
    "mathml",  # formulas that a browser draws by itself
    "tutorials",  # the notebook and Colab, at the head of each tutorial
]
exclude_patterns = ["inventories", "_*", "**.ipynb_checkpoints"]
default_role = "code-name"
highlight_language = "none"  # an indented block of a docstring is equations; examples begin with >>>
toc_object_entries_show_parents = "hide"

# MyST: pages read in the repository, too, so fences are plain and directives stand between colons
myst_enable_extensions = ["colon_fence", "dollarmath", "fieldlist"]
myst_heading_anchors = 4

# Notebooks have no outputs in the repository: each build runs them, and a cell that raises ends it
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
NotebookClient.coalesce_streams.default_value = True  # a print is one output, however late its parts arrive

# The head of a tutorial and its install cell: python docs/_extensions/tutorials.py after a change
repository = None  # "https://github.com/OWNER/NAME", once there is one: then Colab opens the notebook from there
colab_install = "./cyrnn.zip"  # what pip is given on Colab: "cyrnn", once a package index has it

# Docstrings
numpydoc_show_class_members = False
VALIDATION = PYPROJECT["tool"]["numpydoc_validation"]
numpydoc_validation_checks = set(VALIDATION["checks"])
numpydoc_validation_exclude = set(VALIDATION["exclude"])
numpydoc_validation_overrides = {key[9:]: value for key, value in VALIDATION.items() if key.startswith("override_")}
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"  # words of a type that are no alias: "of shape (n_x, m)"
#: classes that calls return, on docs/reference/nn_results.rst
RESULTS = [f"nn.tape.{name}" for name in ("Gradients", "Tape", "SequentialTape")]
RESULTS += ["nn.linear.LinearGradients", "nn.embedding.EmbeddingGradients", "nn.dropout.InputGradients"]
RESULTS += ["nn.head.HeadTape", "nn.dropout.DropoutTape", "nn.last_step.LastStepTape"]
RESULTS += ["nn.quantized.QuantizeReport", "nn.gates.Gates", "calls.packed.Packed", "onnx.files.Model"]
numpydoc_xref_aliases = {
    "ndarray": "numpy.ndarray",
    "ndarrays": ":class:`ndarrays <numpy.ndarray>`",
    "dtype": "numpy.dtype",
    "Generator": "numpy.random.Generator",
    "array_like": ":term:`numpy:array_like`",
    "bool": ":class:`python:bool`",
    "int": ":class:`python:int`",
    "float": ":class:`python:float`",
    "str": ":class:`python:str`",
    "bytes": ":class:`python:bytes`",
    "tuple": ":class:`python:tuple`",
    "list": ":class:`python:list`",
    "lists": ":class:`lists <python:list>`",
    "dict": ":class:`python:dict`",
    "dicts": ":class:`dicts <python:dict>`",
    "slice": ":class:`python:slice`",
    "mapping": ":term:`python:mapping`",
    "iterator": ":term:`python:iterator`",
    "callable": ":term:`python:callable`",
    "path": ":term:`python:path-like object`",
    "PathLike": ":class:`python:os.PathLike`",
}
numpydoc_xref_aliases |= {name.rpartition(".")[2]: f"cyrnn.{name}" for name in RESULTS}
numpydoc_xref_aliases |= {name[9:]: name for name in public_classes() if name.startswith("cyrnn.nn.")}
autodoc_typehints = "none"  # the docstring says it
autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_context = {  # for _templates
    "members_of": {kind: members(kind) for kind in public_classes()},
    "cell_pages": {
        "RNN": ["rnn"], "LSTM": ["lstm", "lstm_peephole", "lstm_coupled"], "GRU": ["gru_reset_after", "gru"],
    },
}
# beside cyrnn.onnx.LSTM, on disks where both would be one file
autosummary_filename_map = {f"cyrnn.onnx.{name}": f"cyrnn.onnx.{name}_operator" for name in ("rnn", "lstm", "gru")}
templates_path = ["_templates"]

# The inventories are files, for a build without network. CONTRIBUTING.md says where they come from.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", "inventories/python.inv"),
    "numpy": ("https://numpy.org/doc/stable", "inventories/numpy.inv"),
}
intersphinx_disabled_reftypes = ["std:*"]  # labels and words only where a link says whose

html_context = {"default_mode": "auto"}  # as the reader's system is; without it the theme complains on the console
html_theme = "pydata_sphinx_theme"
html_title = f"cyrnn {release}"
html_favicon = "_static/mark.svg"
html_static_path = ["_static"]
html_css_files = ["site.css", "math.css"]
html_extra_path = ["_extra"]
html_last_updated_fmt = "%Y-%m-%d"  # of the build; SOURCE_DATE_EPOCH counts
html_sourcelink_suffix = ""  # a tutorial's source is its .ipynb
html_show_sourcelink = True
SINGLE = ("index", "start", "contributing", "upgrading", "changelog")  # pages without a room
html_sidebars = {"**": ["sidebar-nav-bs"]} | {page: [] for page in SINGLE}
html_theme_options = {
    "logo": {
        "image_light": "_static/mark.svg",
        "image_dark": "_static/mark.svg",
        "text": html_title,
        "alt_text": "cyrnn's mark",
    },
    "show_prev_next": True,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "search_bar_text": "Search",
    "secondary_sidebar_items": {"**": ["page-toc", "sourcelink"], "index": []},
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": ["last-updated"],
}
copyright = "The cyrnn developers, BSD-3-Clause"
