from __future__ import annotations

import io
import json
import pickle
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from loads import pages, read
from loopback_api import Reply, as_json

from nbauth.data.build import width
from nbauth.data.build.column import Column
from nbauth.data.reader import Reader
from nbauth.errors import DataError, ReadInterrupted

if TYPE_CHECKING:
    from engines import Engine
    from loopback_api import Server

    from nbauth.data.fetch.session import Session

_ROW = {f"c{number}": number for number in range(12)}
_PARQUET = "application/vnd.apache.parquet"


def _parquet() -> bytes:
    file = io.BytesIO()
    pd.DataFrame([_ROW]).to_parquet(file)
    return file.getvalue()


BODIES: dict[str, Reply] = {
    "json": as_json([_ROW]),
    "keys that differ": as_json([{key: value} for key, value in _ROW.items()]),
    "ndjson": Reply(json.dumps(_ROW).encode(), content_type="application/x-ndjson"),
    "csv": Reply((",".join(_ROW) + "\n" + ",".join(map(str, _ROW.values()))).encode(), content_type="text/csv"),
    "a row that is longer": Reply(b"a\n1" + b"," * 12, content_type="text/csv"),
    "parquet": Reply(_parquet(), content_type=_PARQUET),
}


@pytest.mark.parametrize("how", ["read", "pages"])
@pytest.mark.parametrize("kind", list(BODIES))
def test_too_many_columns(  # noqa: PLR0917 - fixtures
    session: Session, api: Server, engine: Engine, kind: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table with more columns than a frame may have is an error that says how many, and what to do."""
    monkeypatch.setattr(width, "MOST_COLUMNS", 11)
    api.routes["/x"] = BODIES[kind]
    with pytest.raises(DataError, match=rf"{api.origin}/x: more than 11 columns came\. Ask the API for fewer"):
        list((read if how == "read" else pages)(session, f"{api.origin}/x"))


def test_too_many_columns_together(session: Session, api: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is a frame of several URLs, or of a nested object that is flattened."""
    monkeypatch.setattr(width, "MOST_COLUMNS", 11)
    for name in "ab":
        content = ",".join(f"{name}{number}" for number in range(8))
        api.routes[f"/{name}"] = Reply(f"{content}\n{content}".encode(), content_type="text/csv")
    api.routes["/n"] = as_json([{"a": _ROW}])
    assert read(session, f"{api.origin}/n", nested="json").shape == (1, 1)
    for urls in ([f"{api.origin}/a", f"{api.origin}/b"], [f"{api.origin}/n"]):
        with pytest.raises(DataError, match="more than 11 columns came"):
            read(session, urls, nested="flatten")


def test_as_many_as_there_may_be(session: Session, api: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wide table, which is read with care, is the same as any other."""
    for kind, reply in BODIES.items():
        api.routes[f"/{kind[0]}"] = reply
        usual = read(session, f"{api.origin}/{kind[0]}")
        with monkeypatch.context() as patch:
            patch.setattr(width, "MOST_COLUMNS", 13)
            patch.setattr(width, "_WIDE", 3)
            pd.testing.assert_frame_equal(read(session, f"{api.origin}/{kind[0]}"), usual)


@pytest.mark.parametrize("wide", [3, 2_000])
@pytest.mark.parametrize("at", [0, 5, 11])
def test_interrupted_while_the_frame_is_made(  # noqa: PLR0917 - fixtures
    session: Session, api: Server, engine: Engine, at: int, wide: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt while a frame's columns are made leaves all rows; a wide frame is made when somebody looks."""
    monkeypatch.setattr(width, "_WIDE", wide)
    api.routes["/x"] = as_json([_ROW] * 3)
    expected = read(session, f"{api.origin}/x")
    taken: list[Column] = []
    take = Column.take

    def interrupted(column: Column, *arguments: Any) -> Any:
        taken.append(column)
        if len(taken) == at + 1:
            raise KeyboardInterrupt
        return take(column, *arguments)

    monkeypatch.setattr(Column, "take", interrupted)
    with pytest.raises(ReadInterrupted, match="3 rows of") as caught:
        read(session, f"{api.origin}/x")
    assert len(taken) == (at + 1 if wide == 3 else 13)
    pd.testing.assert_frame_equal(caught.value.partial, expected)
    assert caught.value.partial is caught.value.partial


def test_interrupted_before_a_wide_page_is_taken_in(
    session: Session, api: Server, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wide page that had come is taken in when somebody looks, not while the person waits."""
    api.routes["/x"] = as_json([{f"column_{number}": number for number in range(4_000)}] * 2)
    expected = read(session, f"{api.origin}/x")
    add, taken = Reader.add, []

    def interrupted(load: Reader, *arguments: Any) -> None:
        taken.append(load)
        if len(taken) == 1:
            raise KeyboardInterrupt
        add(load, *arguments)

    monkeypatch.setattr(Reader, "add", interrupted)
    with pytest.raises(ReadInterrupted, match="2 rows of") as caught:
        read(session, f"{api.origin}/x")
    assert len(taken) == 1
    pd.testing.assert_frame_equal(caught.value.partial, expected)


def test_a_wide_partial_is_pickled(session: Session, api: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error whose frame is not made yet can be pickled: the frame is made for it."""
    made = ReadInterrupted("Stopped.", partial=lambda: pd.DataFrame({"a": [1]}))
    copy = pickle.loads(pickle.dumps(made))  # noqa: S301
    assert list(copy.partial["a"]) == [1]
