"""The file of `to=` is written while rows come; what it holds, and what a break leaves, is as if it were made last."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loads import write
from loopback_api import Reply, as_json

from nbauth.data.build.frame_builder import FrameBuilder
from nbauth.data.paging.styles import style_of
from nbauth.data.sinks.first_schema import FirstSchema
from nbauth.data.sinks.journal import as_parquet_has_it
from nbauth.data.sinks.parquet_parts import Parts
from nbauth.data.sinks.parquet_schema import cast, times_in, unified
from nbauth.data.sinks.whole_file import WholeFile
from nbauth.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

VALUES: list[Any] = [
    None, None, None, True, 0, 1, 2, -1, 2**53 + 1, -(2**63), 2**63, 2**64, 1.5, 0.5, "ü", "n/a",
    "2024-01-01T00:00:00Z", "2024-01-01T00:00:00+02:00", "2024-01-01T00:00Z", "2024-01-01 00:00:00.123Z",
    "2024-01-01T00:00:00.1234560Z",
    "2024-01-01T00:00:00.1234567Z", "1677-01-01T00:00:00.1234567Z", "9999-12-31T00:00:00.1234560Z",
    "9999-12-31T00:00:00Z", "0001-01-01T00:00:00Z", "2024-01-01T00:00:00", "2024-01-01T00:00", "2024-02-30T00:00:00",
    "2024-01-01T00:00:00.1234567", "2024-01-01", "2024-12-31", "/Date(0)/", [1, "ü"], {"a": 1}, "\ud800",
]  # fmt: skip
# Most columns of most loads hold values of one kind.
KINDS = [VALUES, [None, 1, 2, 3], [None, 1, 0.5, 2**53 + 1], [None, *VALUES[16:21]], [None, *VALUES[16:26]], ["a", "b"]]
ROWS = st.sampled_from(KINDS).flatmap(
    lambda values: st.lists(
        st.lists(
            st.fixed_dictionaries({"a": st.sampled_from(values)}, optional={"b": st.sampled_from(values)}),
            min_size=1,
            max_size=3,
        ),
        min_size=1,
        max_size=4,
    )
)
_STYLE = style_of("auto")


def _table(rows: Sequence[dict[str, Any]]) -> Any:
    builder = FrameBuilder("json", "pyarrow")
    builder.add(rows)
    return builder.table(times=False)


def _times(table: Any) -> dict[str, Any]:
    return {name: found for name in table.column_names if (found := times_in(table[name])) is not None}


def _made(parts: Sequence[Any], target: Path, *, may_be_times: bool = True) -> Any:
    with Parts(target, "request") as kept:
        for table in parts:
            kept.add(table, next_request=None, style=_STYLE, records=None, may_be_times=may_be_times)
        kept.complete()
        kept.finish()
    return pq.read_table(target)


def _made_last(parts: Sequence[Any], target: Path, **options: Any) -> Any:
    """Make the file of parts when all are here, as after a break."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WholeFile, "add", lambda *_: None)
        return _made(parts, target, **options)


@given(ROWS)
@settings(max_examples=300)
def test_the_first_schema_holds(pages: list[list[dict[str, Any]]]) -> None:
    """Where the first part's schema is said to hold, it is what all parts together need, and its times are theirs."""
    tables = [_table(rows) for rows in pages]
    found = [_times(table) for table in tables]
    kinds = [{name: times.kind for name, times in one.items()} for one in found]
    first = FirstSchema(tables[0], kinds[0])
    if all(first.holds(table, own) for table, own in zip(tables[1:], kinds[1:], strict=True)):
        schema = unified([t.schema for t in tables], kinds, lambda number, names: tables[number].select(names))
        assert schema.equals(first.schema)
        for table, one in zip(tables, found, strict=True):
            for name, times in one.items():
                if schema.field(name).type == times.array.type:
                    assert cast(table, schema)[name].combine_chunks().equals(times.array)


@given(ROWS)
@settings(max_examples=60)
def test_as_if_it_were_made_last(pages: list[list[dict[str, Any]]]) -> None:
    """Whatever comes, the file holds what it holds when it is made of all parts at the end."""
    tables = [_table(rows) for rows in pages]
    with tempfile.TemporaryDirectory() as folder:
        found, expected = (make(tables, Path(folder) / "d.parquet") for make in (_made, _made_last))
        assert [path.name for path in Path(folder).iterdir()] == ["d.parquet"]
    assert found.schema.equals(expected.schema, check_metadata=True)
    assert found.equals(expected)


@pytest.mark.parametrize(
    ("values", "is_given_up"),
    [
        ([[1], [2], [None]], False),
        ([[1.5], [2], [2**53]], False),
        ([["a"], [1], [None], [{"b": 1}]], False),
        ([["2024-01-01"], [None], ["2024-01-02"]], False),
        ([[1.5], [2**53 + 1]], True),
        ([[1], [1.5]], True),
        ([[None], [1]], True),
        ([["2024-01-01"], ["soon"]], True),
    ],
)
def test_when_it_is_given_up(tmp_path: Path, values: list[list[Any]], *, is_given_up: bool) -> None:
    """The file is written once, unless a later part needs another schema than the first."""
    parts = [_table([{"a": value} for value in part]) for part in values]
    finished: list[bool] = []
    with pytest.MonkeyPatch.context() as patch:
        finish = WholeFile.finish
        patch.setattr(WholeFile, "finish", lambda whole: finished.append(finish(whole)) or finished[-1])
        found = _made(parts, tmp_path / "d.parquet")
    assert finished == [not is_given_up]
    assert found.equals(_made_last(parts, tmp_path / "e.parquet"))


@pytest.mark.parametrize(
    "kind",
    [
        pa.timestamp("s"), pa.timestamp("s", "UTC"), pa.timestamp("ms", "Europe/Berlin"), pa.time32("s"),
        pa.time64("us"), pa.date32(), pa.date64(), pa.float16(), pa.uint32(), pa.binary(), pa.binary(2),
        pa.decimal128(9, 2), pa.decimal256(50, 2), pa.duration("s"), pa.duration("us"), pa.list_(pa.int64()),
        pa.struct([("a", pa.timestamp("s"))]), pa.dictionary(pa.int8(), pa.string()), pa.large_string(), pa.null(),
        pa.timestamp("ns"), pa.int8(), pa.bool_(), pa.float32(),
    ],
    ids=str,
)  # fmt: skip
def test_types_are_those_of_parquet(tmp_path: Path, kind: Any) -> None:
    """A part on disk has the types that Parquet has for it."""
    table = pa.table({"a": pa.nulls(3, kind), "b": [1, 2, 3]})
    pq.write_table(table, tmp_path / "part.parquet")
    expected = pq.read_table(tmp_path / "part.parquet")
    assert as_parquet_has_it(table).equals(expected)
    assert _made([table, table], tmp_path / "d.parquet", may_be_times=False).schema.types == [
        pa.string() if kind == pa.large_string() else expected.schema.types[0],
        pa.int64(),
    ]


def test_dictionaries_where_values_repeat(tmp_path: Path) -> None:
    """Columns whose values come again and again have a dictionary; the others would be larger for it."""
    target = tmp_path / "d.parquet"
    for make in (_made, _made_last):
        make(
            [_table([{"id": number, "of": f"{number % 7}", "text": f"{number} x"} for number in range(5_000)])], target
        )
        group = pq.read_metadata(target).row_group(0)
        has = {group.column(n).path_in_schema: group.column(n).has_dictionary_page for n in range(3)}
        assert has == {"id": False, "of": True, "text": False}


# What goes wrong


PAGES = [[{"id": 4 * page + row, "name": f"n{row}"} for row in range(4)] for page in range(3)]


def _serve(api: Server, broken: int | None = None) -> str:
    def answer(seen: Seen) -> Reply:
        number = int(seen.path.partition("n=")[2] or 0)
        if number == broken:
            return Reply(b"no", 500)
        more = {"nextLink": f"/x?n={number + 1}"} if number + 1 < len(PAGES) else {}
        return as_json({"value": PAGES[number], **more})

    api.routes["/x"] = answer
    api.seen.clear()
    return f"{api.origin}/x"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a part of every page."""
    monkeypatch.setattr("nbauth.data.sinks.parquet._ROWS_AT_ONCE", 4)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), MemoryError(), pa.ArrowInvalid("no")])
def test_writing_fails(  # noqa: PLR0917 - fixtures
    session: Session, api: Server, tmp_path: Path, at: int, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file cannot be written while rows come, it is made of its parts, and the load does not notice."""
    real, calls = pq.ParquetWriter.write_table, []

    def failing(writer: Any, table: Any) -> None:
        calls.append(table.num_rows)
        if len(calls) == at + 1:
            raise error
        real(writer, table)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", failing)
    write(session, _serve(api), tmp_path / "d.parquet")
    assert pq.read_table(tmp_path / "d.parquet").to_pylist() == [row for page in PAGES for row in page]
    assert len(api.seen) == len(PAGES)
    assert calls == [4] * (at + 1 + len(PAGES))
    assert [path.name for path in tmp_path.iterdir()] == ["d.parquet"]


@pytest.mark.usefixtures("small")
def test_a_break_leaves_no_half_of_it(session: Session, api: Server, tmp_path: Path) -> None:
    """After a break there are the parts and the checkpoint, and nothing of the file, which would only take room."""
    with pytest.raises(ApiError):
        write(session, _serve(api, broken=1), tmp_path / "d.parquet")
    folder = tmp_path / ".d.parquet.nbauth-parts"
    assert sorted(path.name for path in folder.iterdir()) == ["00000.arrow", "lock", "note.json"]
    left = folder / f"whole.parquet.{'0' * 16}.tmp"  # of a call that was killed
    left.write_bytes(b"PAR1")
    left.chmod(0o600)
    with pytest.raises(ApiError):
        write(session, _serve(api, broken=2), tmp_path / "d.parquet")
    assert not left.exists()
    write(session, _serve(api), tmp_path / "d.parquet")
    assert pd.read_parquet(tmp_path / "d.parquet")["id"].tolist() == list(range(12))


@pytest.mark.usefixtures("small")
def test_a_mode_that_changes_meanwhile(session: Session, api: Server, tmp_path: Path) -> None:
    """The file has the mode of the one before it, also if that was changed while the rows came."""
    target = tmp_path / "d.parquet"
    write(session, _serve(api), target)
    url = _serve(api)
    answer: Any = api.routes["/x"]

    def changed(seen: Seen) -> Reply:
        target.chmod(0o640 if "n=2" in seen.path else 0o600)
        return answer(seen)  # type: ignore[no-any-return]

    api.routes["/x"] = changed
    write(session, url, target)
    assert target.stat().st_mode & 0o777 == 0o640


_KILLED = """
import json, os, signal, sys
from pathlib import Path
import pyarrow.parquet as pq
from nbauth.data.fetch.session import Session
from nbauth.data.query import Query
from nbauth.data.sinks import parquet
from loopback_api import FakeAuthorizer

origin, target, how = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
parquet._ROWS_AT_ONCE = 4

def load():
    parquet.write(Session(FakeAuthorizer(origin)), Query(origin + "/x"), target)
    return is_whole()

def killed_at(number):
    real, calls = getattr(os, how), []
    def counted(*args, **options):
        calls.append(args)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **options)
    setattr(os, how, counted)
    return load()

def is_whole():
    return pq.read_table(target, use_threads=False)["id"].to_pylist() == list(range(12))

def in_child(run):
    child = os.fork()
    if not child:
        try:
            os._exit(0 if run() else 3)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

problems, killed = [], 0
for number in range(1, 60):
    for path in target.parent.iterdir():
        path.unlink()
    target.write_bytes(b"old")
    code = in_child(lambda: killed_at(number))
    if code == 0:
        break
    killed += 1
    is_old = target.read_bytes() == b"old"
    found = [code, 0 if is_old else in_child(is_whole), in_child(load), os.listdir(target.parent)]
    if found != [-9, 0, 0, [target.name]]:
        problems.append([number, *found])
print(json.dumps([killed, problems]))
"""


@pytest.mark.parametrize("how", ["fsync", "replace", "unlink"])
def test_killed_at_any_step(api: Server, tmp_path: Path, how: str) -> None:
    """A process that is killed leaves the old file or the new one, and the same call then brings all rows."""
    _serve(api)
    (tmp_path / "out").mkdir()
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n{_KILLED}"
    quietly = ["-W", "ignore:This process:DeprecationWarning"]  # Python 3.12 and later warn of a fork beside threads
    done = subprocess.run(
        [sys.executable, *quietly, "-c", code, api.origin, tmp_path / "out" / "d.parquet", how],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    killed, problems = json.loads(done.stdout)
    assert problems == []
    assert killed >= 5
