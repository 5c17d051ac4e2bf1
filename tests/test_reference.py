"""The reference in docs/ has every public name. A strict build of the site shows that each is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbauth
from nbauth import errors
from nbauth.data import paging

ROOT = Path(__file__).parent.parent
ADAPTERS = ROOT / "nbauth" / "adapters"
DIRECTIVE = re.compile(r"^\.\. auto(?:function|class|data|module):: ([\w.]+)$", re.MULTILINE)
NAMED = re.compile(r"\bnbauth\.adapters\.[a-z_]+\.[A-Za-z_]+\b")
IMPORTED = re.compile(r"^from (nbauth\.adapters\.\w+) import ([\w, ]+)$", re.MULTILINE)
# What only other adapters use.
BELOW = {"dask_worker", "http_aiohttp", "http_httpx", "http_requests", "read_only_filesystem", "row", "storage_account"}
BELOW_SQLALCHEMY = {f"nbauth.adapters.mssql.{name}" for name in ("checked", "server_of", "sign_in_options")}


def documented() -> list[str]:
    """Return each name that a directive of the reference documents."""
    return [
        name for page in sorted(ROOT.glob("docs/reference*.md")) for name in DIRECTIVE.findall(page.read_text("utf-8"))
    ]


def exported(module: Path) -> list[str]:
    """Return the `__all__` of a module, whose library need not be there."""
    for statement in ast.parse(module.read_text("utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return list(ast.literal_eval(statement.value))
    return []


def test_package() -> None:
    """Each name of the package is there, and the whole of its errors, what `paging=` takes, and Dask's."""
    names = {f"nbauth.{name}" for name in nbauth.__all__} | {f"nbauth.data.paging.{name}" for name in paging.__all__}
    assert names | {"nbauth.dask.read"} <= set(documented())
    assert "automodule:: nbauth.errors" in (ROOT / "docs" / "reference-errors.md").read_text("utf-8")
    assert all(getattr(errors, name).__doc__ for name in errors.__all__)


def test_adapters() -> None:
    """Each function and class of an adapter is there, but for what stands below others; none of it twice."""
    names = {
        f"nbauth.adapters.{module.stem}.{name}"
        for module in ADAPTERS.glob("[a-z]*.py")
        if module.stem not in BELOW
        for name in exported(module)
        if not name.isupper()
    }
    # The package has four of them itself.
    of_the_package = {name for name in names if name.rpartition(".")[2] in nbauth.__all__}
    known = documented()
    assert sorted(names - BELOW_SQLALCHEMY - of_the_package - set(known)) == []
    assert len(known) == len(set(known))


def test_what_pages_name() -> None:
    """Whatever a page imports from an adapter, or names with its module, is there."""
    texts = [page.read_text("utf-8") for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]]
    names = {name for text in texts for name in NAMED.findall(text)}
    names |= {
        f"{module}.{name.strip()}"
        for text in texts
        for module, members in IMPORTED.findall(text)
        for name in members.split(",")
    }
    assert names <= set(documented())
