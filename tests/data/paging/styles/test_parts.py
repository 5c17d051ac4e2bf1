"""The parts of one result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from loads import read, write
from loopback_api import Reply, as_json

from nbauth.errors import ApiError

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

FIRST = {
    "statementHandle": "h",
    "statementStatusUrl": "/statements/h?requestId=r",
    "resultSetMetaData": {"numRows": 6, "format": "jsonv2", "partitionInfo": [{"rowCount": 2}] * 3},
    "data": [{"id": 0}, {"id": 1}],
}


def _serve(api: Server, first: Any, *, links: bool) -> None:
    def answer(seen: Seen) -> Reply:
        query = parse_qs(urlsplit(seen.path).query)
        number = int(query["partition"][0]) if "partition" in query else 0
        if number and (seen.method != "GET" or query.get("requestId", ["r"]) != ["r"]):
            return Reply(b"{}", 400)
        link = f'</statements/h?requestId=r&partition={number + 1}>; rel="next"'
        headers = {"Link": link} if links and number < 2 else {}
        rows = [{"id": 2 * number}, {"id": 2 * number + 1}]
        return as_json(first if not number else {"data": rows}, headers=headers)

    api.routes["/statements"] = api.routes["/statements/h"] = answer


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("links", [False, True])
@pytest.mark.parametrize("json", [None, {"statement": "select 1"}], ids=["GET", "POST"])
def test_all_parts(session: Session, api: Server, json: Any, *, links: bool, concurrency: int) -> None:
    """Each part is asked for once, by GET, whether links lead there or not, and in order, several at once or not."""
    _serve(api, FIRST, links=links)
    url = f"{api.origin}/statements" if json else f"{api.origin}/statements/h"
    frame = read(session, url, json=json, records="data", concurrency=concurrency)
    assert frame["id"].tolist() == list(range(6))
    assert len(api.seen) == 3


def test_without_an_address(session: Session, api: Server) -> None:
    """The parts are at the URL that was asked for, where the answer names no other."""
    _serve(api, {name: value for name, value in FIRST.items() if name != "statementStatusUrl"}, links=False)
    assert len(read(session, f"{api.origin}/statements/h", records="data")) == 6


def test_one_part(session: Session, api: Server) -> None:
    """One part is whole."""
    _serve(api, {**FIRST, "resultSetMetaData": {"numRows": 2, "partitionInfo": [{"rowCount": 2}]}}, links=False)
    assert len(read(session, f"{api.origin}/statements", json={"q": 1}, records="data")) == 2


def test_goes_on_with_a_part(session: Session, api: Server, tmp_path: Path) -> None:
    """A load to a file that broke off goes on with the part that was missing."""
    _serve(api, FIRST, links=False)
    whole = api.routes["/statements/h"]
    assert callable(whole)
    api.routes["/statements/h"] = lambda seen: Reply(b"no", 403) if "partition=2" in seen.path else whole(seen)
    options: dict[str, Any] = {"json": {"q": 1}, "records": "data"}
    with pytest.raises(ApiError):
        write(session, f"{api.origin}/statements", tmp_path / "x.parquet", **options)
    _serve(api, FIRST, links=False)
    api.seen.clear()
    target = write(session, f"{api.origin}/statements", tmp_path / "x.parquet", **options)
    assert pd.read_parquet(target)["id"].tolist() == list(range(6))
    assert [seen.path for seen in api.seen] == ["/statements/h?requestId=r&partition=2"]
