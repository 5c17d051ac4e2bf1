"""Modules import each other in one direction, those inside functions and those for type checkers counted.

The order of the layers stands in `pyproject.toml`, for import-linter. Here it is one thing that no layer says: whoever
changes a module needs to read it and what it imports, and never a circle of them at once.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import nbauth

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(nbauth.__file__).parent


def _modules() -> dict[str, Path]:
    return {_name(path): path for path in ROOT.rglob("*.py")}


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def _imports(tree: ast.AST, modules: Mapping[str, Path]) -> Iterator[str]:
    """Yield which modules one imports, wherever in it that stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield inside if inside in modules else str(node.module)


def _graph() -> dict[str, set[str]]:
    modules = _modules()
    return {
        name: {each for each in _imports(ast.parse(path.read_text()), modules) if each in modules} - {name}
        for name, path in modules.items()
    }


def _circles(graph: Mapping[str, set[str]]) -> set[frozenset[str]]:
    """Return the strongly connected components of several modules (Tarjan's algorithm)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    circles = set()

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        path.append(module)
        for further in graph[module]:
            if further not in order:
                visit(further)
            if further in path:
                lowest[module] = min(lowest[module], lowest[further])
        if lowest[module] == order[module]:
            start = path.index(module)
            if len(path) - start > 1:
                circles.add(frozenset(path[start:]))
            del path[start:]

    for module in graph:
        if module not in order:
            visit(module)
    return circles


def test_circles_are_found() -> None:
    """Two modules that lead to each other are a circle, by whatever way; one that leads nowhere is in none."""
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"d"}, "f": {"a"}, "g": set()}
    assert _circles(graph) == {frozenset("abc"), frozenset("de")}


def test_no_circle() -> None:
    """No modules import each other in a circle."""
    assert _circles(_graph()) == set()


def test_imports_everywhere_count() -> None:
    """An import counts inside a function, and for type checkers alone; of a package it is the module that is meant."""
    source = """
import a
if TYPE_CHECKING:
    from p import b
def f():
    from p.c import thing
"""
    modules = dict.fromkeys(("a", "p", "p.b", "p.c"), ROOT)
    assert set(_imports(ast.parse(source), modules)) == {"a", "p.b", "p.c"}
