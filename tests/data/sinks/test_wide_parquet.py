from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from loads import write
from loopback_api import as_json

from nbauth.data.build import width
from nbauth.data.build.column import Column
from nbauth.data.sinks import parquet_parts
from nbauth.data.sinks.parquet_schema import cast, unified
from nbauth.errors import ReadInterrupted

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_api import Reply, Seen, Server

    from nbauth.data.fetch.session import Session

_WIDTH = 12


def test_a_part_is_read_once_for_all_of_its_columns() -> None:
    """However many columns have to be looked at, a part is read once for each question."""
    names = [f"{kind}{number}" for number in range(50) for kind in ("int", "time")]
    integers = [[2**63 - 1], [0.5], [1]]
    moments = ["2024-01-01T00:00:00.1234567", "0001-01-01T00:00:00", "2024-01-01"]
    tables = [
        pa.table({name: integers[part] if name.startswith("int") else [moments[part]] for name in names})
        for part in range(3)
    ]
    units = ("ns local", "us local", "us local")
    times = [{name: unit for name in names if name.startswith("time")} for unit in units]
    asked: list[tuple[int, int]] = []

    def read(number: int, wanted: list[str]) -> Any:
        asked.append((number, len(wanted)))
        return tables[number].select(wanted)

    schema = unified([table.schema for table in tables], times, read)
    assert schema.names == names
    assert {str(kind) for kind in schema.types} == {"string"}
    assert sorted(asked) == [(0, 50), (0, 50), (1, 50), (2, 50), (2, 50)]


def test_a_column_is_found_by_its_place() -> None:
    """Each part of a file is written in the columns of all parts, in whatever order it has them."""
    schema = pa.schema([("a", pa.float64()), ("b", pa.string()), ("c", pa.int64())])
    table = cast(pa.table({"c": [1], "a": [2]}), schema)
    assert table.to_pylist() == [{"a": 2.0, "b": None, "c": 1}]


@pytest.mark.parametrize("wide", [3, 2_000])
@pytest.mark.parametrize("at", [0, 5, _WIDTH - 1])
def test_an_interrupt_does_not_wait_for_a_wide_table(  # noqa: PLR0917 - fixtures
    session: Session, api: Server, tmp_path: Path, wide: int, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt waits until a part is kept, unless it is wide; the same call then brings all rows."""
    rows = [{f"c{number}": number * row for number in range(_WIDTH)} for row in range(12)]

    def answer(seen: Seen) -> Reply:
        page = int(seen.path.partition("n=")[2] or 0)
        return as_json(
            {"value": rows[4 * page : 4 * page + 4], **({"nextLink": f"/x?n={page + 1}"} if page < 2 else {})}
        )

    api.routes["/x"] = answer
    monkeypatch.setattr(width, "_WIDE", wide)
    monkeypatch.setattr("nbauth.data.sinks.parquet._ROWS_AT_ONCE", 4)
    take, taken = Column.take_text_or_arrow, []

    def interrupted(column: Column, **options: Any) -> Any:
        taken.append(column)
        if len(taken) == _WIDTH + at + 1:  # while the second part is made
            signal.raise_signal(signal.SIGINT)
        return take(column, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Column, "take_text_or_arrow", interrupted)
        with pytest.raises(ReadInterrupted, match=r"rows of .* are kept"):
            write(session, f"{api.origin}/x", tmp_path / "d.parquet")
    assert len(taken) == (_WIDTH + at + 1 if wide == 3 else 2 * _WIDTH)
    write(session, f"{api.origin}/x", tmp_path / "d.parquet")
    assert pd.read_parquet(tmp_path / "d.parquet").to_dict("records") == rows
    assert [path.name for path in tmp_path.iterdir()] == ["d.parquet"]


def test_an_interrupt_while_the_file_is_made(
    session: Session, api: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt while the parts become one file is heard at once; the same call makes it without a request."""
    api.routes["/x"] = as_json([{"a": 1}, {"a": 2}])

    def interrupted(table: Any, schema: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return cast(table, schema)

    with monkeypatch.context() as patch:
        patch.setattr(width, "_WIDE", 0)  # a wide table is made of its parts
        patch.setattr(parquet_parts, "cast", interrupted)
        with pytest.raises(ReadInterrupted, match=r"2 rows of .* are kept"):
            write(session, f"{api.origin}/x", tmp_path / "d.parquet")
    write(session, f"{api.origin}/x", tmp_path / "d.parquet")
    assert pd.read_parquet(tmp_path / "d.parquet")["a"].tolist() == [1, 2]
    assert len(api.seen) == 1
