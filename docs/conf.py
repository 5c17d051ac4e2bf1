"""How Sphinx makes the site of these pages: ``sphinx-build -W docs …``, offline (`site` in .ci/run)."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))

project = "nbauth"
author = "The nbauth authors"
copyright = author  # noqa: A001 - Sphinx's name
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

# Pages are written for GitHub as well: its anchors, its tables, and links to files of the repository.
myst_heading_anchors = 4
myst_links_external_new_tab = False
nb_execution_mode = "off"  # the suite runs the notebooks (tests/test_notebooks.py)

# The reference: what docstrings say, with the types of the signatures, one argument a line where they are long.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
autodoc_mock_imports = ["databricks", "dask", "distributed", "duckdb", "fsspec", "pyiceberg"]  # tools, which are large
maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = "nbauth"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["nbauth.css"]
html_theme_options = {"top_of_page_buttons": []}

# Files of the repository beside docs/ that are pages here, too.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
}
LINK = re.compile(r"(?<=\]\()(?P<file>(?:\.\./)+[\w./-]+)(?P<anchor>#[\w-]+)?(?=\))")


def _lead_to_pages(app: Sphinx, docname: str, content: list[str]) -> None:
    """Let each link that leads out of docs/ lead to the page that stands for the file."""
    folder = Path(app.env.doc2path(docname)).parent

    def target(link: re.Match[str]) -> str:
        file = (folder / link["file"]).resolve()
        if file.is_relative_to(DOCS):
            return link[0]
        name = file.relative_to(ROOT).as_posix()
        page = PAGES.get(name, name if name.startswith("notebooks/") else None)
        if page is None:
            raise ValueError(f"{docname}: {link[0]} leads out of docs/, and no page of the site stands for it")
        up = "../" * len(folder.relative_to(DOCS).parts)
        return f"{up}{page}{link['anchor'] or ''}"

    content[0] = LINK.sub(target, content[0])


def setup(app: Sphinx) -> None:
    """Copy the notebooks to where Sphinx finds them, and mend links as pages are read."""
    shutil.rmtree(DOCS / "notebooks", ignore_errors=True)
    shutil.copytree(ROOT / "notebooks", DOCS / "notebooks", ignore=shutil.ignore_patterns(".*"))
    app.connect("source-read", _lead_to_pages)
