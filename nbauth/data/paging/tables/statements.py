"""Results of statements without rows, which leave out where those would be.

Source: docs.databricks.com/api/workspace/statementexecution, and ResultData in databricks-sdk-py's service/sql.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.data.paging.table_columns import columns_in
from nbauth.data.paging.tables.found import FoundTable, joined
from nbauth.data.parse.json_table import Table
from nbauth.data.parse.lazy_json import PlainNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.data.parse.lazy_json import Node

__all__ = ["databricks"]


def databricks(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read the columns of a statement without rows: ``manifest``, and a ``result`` that is empty or left out."""
    manifest = members["manifest"].members() if "manifest" in members else {}
    result = members["result"].members() if "result" in members else {}
    schema = manifest["schema"].members() if "schema" in manifest else {}
    total = manifest["total_row_count"].value() if "total_row_count" in manifest else None
    if total != 0 or "data_array" in result or "columns" not in schema:
        return None
    columns = columns_in(schema["columns"])
    if columns is None:
        return None
    return FoundTable(joined(path, "result", "data_array"), PlainNode([]), Table(columns))
