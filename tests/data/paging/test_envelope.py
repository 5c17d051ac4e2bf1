"""What an answer says beside its rows is read once, and the rows are not read at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from page_responses import URL

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging import PageResponse
from nbauth.data.paging.detect import check_end, detect, rows_in, total_in
from nbauth.data.paging.envelope import Envelope
from nbauth.data.paging.styles.auto import Auto
from nbauth.data.parse.lazy_json import PlainNode

if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS = [{"id": 1, "next": "/x"}, {"id": 2, "next": "/y"}]


class _Recorded(PlainNode):
    """A node that notes each path whose value is decoded."""

    def __init__(self, value: Any, path: str, decoded: list[str]) -> None:
        super().__init__(value)
        self._path = path
        self._decoded = decoded

    def members(self) -> Mapping[str, Any]:
        return {
            name: _Recorded(node.value(), f"{self._path}/{name}", self._decoded)
            for name, node in super().members().items()
        }

    def value(self) -> Any:
        self._decoded.append(self._path)
        return super().value()


def _recorded(document: Any) -> tuple[Envelope, list[str]]:
    decoded: list[str] = []
    response = PageResponse(URL, 200, {}, _Recorded(document, "", decoded), PageRequest(URL))
    return Envelope(response), decoded


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        ({"@odata.context": "x#y", "@odata.count": 9, "value": ROWS, "@odata.nextLink": "/b"}, "/value"),
        ({"d": {"results": ROWS, "__next": "/b"}}, "/d/results"),
        ({"count": 2, "next": None, "previous": None, "results": ROWS}, "/results"),
        ({"items": ROWS, "offset": 0, "limit": 2, "count": 2}, "/items"),
        ({"stars": ROWS, "meta": {"next_cursor": "c", "total": 7}}, "/stars"),
        ({"data": {"o": {"nodes": ROWS, "pageInfo": {"hasNextPage": False}}}}, "/data/o/nodes"),
        (ROWS, ""),  # an array is the rows
    ],
)
def test_read_once(document: Any, rows: str) -> None:
    """All that is asked of a first answer decodes each value once at most, and no list."""
    envelope, decoded = _recorded(document)
    layout = detect(envelope, Auto())
    rows_in(envelope, layout)
    check_end(envelope, layout, is_first=True)
    total_in(envelope, layout.style)
    assert len(decoded) == len(set(decoded))
    assert not [path for path in decoded if path.startswith(rows)]


def test_later_answers() -> None:
    """Of a later answer only what may say in so many words that there is more is read."""
    first, _ = _recorded({"items": ROWS, "next_cursor": "c"})
    layout = detect(first, Auto())
    last, decoded = _recorded({"items": ROWS, "next_cursor": None, "next": "/b", "total": 9, "has_more": False})
    assert not rows_in(last, layout).is_empty
    check_end(last, layout, is_first=False)
    assert set(decoded) == {"/has_more", "/next"}


def test_values() -> None:
    """A value is found by its path, also where a name has dots itself; a list stays a node."""
    envelope, _ = _recorded({"a": {"b": "7", "c": None}, "rows": [1], "none": [], "flat.e": 9})
    assert (envelope.value("a.b"), envelope.number("a.b")) == ("7", 7)
    assert (envelope.value("a.c"), envelope.number("a.c")) == (None, None)
    assert envelope.value("flat.e") == 9
    assert envelope.nested("flat.e") is envelope.value("missing")
    assert envelope.value("rows").is_list
    assert envelope.value("none") == []
