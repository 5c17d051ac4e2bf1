"""Is a response a table? Columns that are named once, and rows that are arrays of cells; in Kusto's words, and others'.

It is looked for by its pattern, wherever it is: lists of names that are as long as a row, beside or above the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.data.paging.page_response import Rows, at
from nbauth.data.paging.table_columns import is_called_columns
from nbauth.data.paging.table_search import beside_columns, search
from nbauth.data.paging.tables import named_by_first_row
from nbauth.data.paging.tables.column_arrays import columns_of, holds_columns
from nbauth.data.parse.json_table import TableNode
from nbauth.errors import FormatError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nbauth.data.paging.page_response import PageResponse
    from nbauth.data.paging.tables.found import FoundTable
    from nbauth.data.parse.json_table import Table
    from nbauth.data.parse.lazy_json import Node

__all__ = ["find_table", "rows_node", "table_rows", "unnamed_table"]


def find_table(response: PageResponse, named: str | None, rows_path: Callable[[], str | None]) -> FoundTable | None:
    """Return the table that a response is; None if it is none.

    Args:
        response: the response.
        named: the path of the rows, if the caller named it.
        rows_path: returns the path of its rows, if its names tell.

    Raises:
        FormatError: it has several, and none is said to be the one that was asked for.
        PaginationError: it says that it is not whole.
    """
    document = response.document
    url = redact_url(response.url)
    if document.holds_lists and named is None:
        return named_by_first_row.arrays(document, "", url)
    if document.is_list and not document.holds_objects:
        return None
    body = response.request.body
    is_columnar = isinstance(body, dict) and body.get("columnar") is True  # Elasticsearch's
    if named is not None:
        return _at(document, named, url, is_columnar=is_columnar)
    found = search(document, url, is_columnar=is_columnar)
    if found and (path := rows_path()) is not None:
        rows = at(document, tuple(path.split(".")))
        is_of_rows = rows is not None and rows.holds_objects and not is_called_columns(path.rpartition(".")[2])
        if is_of_rows:  # a table elsewhere is said of them
            found = [table for table in found if table.is_own_form or f"{table.path}.".startswith(f"{path}.")]
    if len(found) > 1:
        primary = [table for table in found if table.is_primary]
        if len(primary) == 1:
            return primary[0]
        raise _several(primary or found, url)
    return found[0] if found else None


def unnamed_table(response: PageResponse, path: str | None) -> FoundTable | None:
    """Return rows that are arrays without columns beside them as a table; None if they are anything else."""
    node = None if path is None else at(response.document, tuple(path.split(".")) if path else ())
    if path is None or node is None or not node.holds_lists:
        return None
    return named_by_first_row.arrays(node, path, redact_url(response.url))


def table_rows(response: PageResponse, found: FoundTable | None, path: str, table: Table) -> Rows | None:
    """Return the rows of any response, which may leave the columns out; None if it has none.

    Args:
        response: the response.
        found: the table that is in it, if it names its columns.
        path: the path of the rows in the first one.
        table: the first one's columns.
    """
    url = redact_url(response.url)
    if found is not None and not (found.is_headed and found.table.columns != table.columns):
        return Rows(found.node(url))
    rows = rows_node(response, path)
    return None if rows is None else Rows(TableNode(rows, table, url))


def rows_node(response: PageResponse, path: str) -> Node | None:
    """Return the list at a path, or at the end of it: further responses may have the rows further up (Databricks)."""
    names = path.split(".") if path else []
    nodes = (at(response.document, tuple(names[place:])) for place in range(len(names) or 1))
    return next((node for node in nodes if node is not None and node.is_list), None)


def _at(document: Node, path: str, url: str, *, is_columnar: bool) -> FoundTable | None:
    """Return the table at a path that the caller names: its rows, or the object that holds it."""
    names = path.split(".") if path else []
    node = at(document, tuple(names))
    if node is None:
        return None
    if node.is_list:
        found = [table for table in search(document, url, is_columnar=is_columnar) if table.path == path]
        if found:
            return found[0]
        parents = _parents(document, names)
        beside = beside_columns(parents, names[-1], path, is_columnar=is_columnar) if parents else None
        return named_by_first_row.arrays(node, path, url) if beside is None and node.holds_lists else beside
    if not node.is_object:
        return None
    if holds_columns(node):
        return columns_of(node, path)
    inside = [table for table in search(document, url, is_columnar=is_columnar) if table.path.startswith(f"{path}.")]
    return inside[0] if len(inside) == 1 else None


def _parents(document: Node, names: Sequence[str]) -> list[Node]:
    """Return the objects along a path to a list, the innermost first."""
    parents = [at(document, tuple(names[:place])) for place in range(len(names))]
    objects = [node for node in reversed(parents) if node is not None and node.is_object]
    return objects if objects and names and names[-1] in objects[0].members() else []


def _several(found: Sequence[FoundTable], url: str) -> FormatError:
    listed = ", ".join(f"{table.path} ({table.name})" if table.name else table.path for table in found[:12])
    return FormatError(
        f"{url}: the answer has {len(found)} tables: {listed}.",
        url=url,
        next_step=f'Say which one, as in records="{found[0].path}".',
    )
