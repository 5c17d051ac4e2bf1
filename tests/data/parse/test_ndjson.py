from __future__ import annotations

from typing import TYPE_CHECKING, Self

import pandas as pd
import pytest
from loads import read
from loopback_api import Reply
from requests import Response

from nbauth.data.build.frame_builder import FrameBuilder
from nbauth.data.fetch.response_body import ByteLimit
from nbauth.data.parse import ndjson
from nbauth.data.parse.format import ReadContext
from nbauth.data.parse.json_text import loads
from nbauth.data.parse.ndjson import LineBatch, read_lines
from nbauth.errors import FormatError

if TYPE_CHECKING:
    from loopback_api import Server

    from nbauth.data.build.frame_builder import Nested
    from nbauth.data.fetch.session import Session


class _Pieces:
    """A body that comes in pieces, and counts how often a piece of it is looked through."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces[::-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close nothing."""

    def read1(self, size: int) -> bytes:
        """Return the next piece."""
        return self._pieces.pop() if self._pieces else b""


class _Watched(bytes):
    """A piece that tells how many bytes were joined to others."""

    joined = 0

    def __radd__(self, other: bytes) -> bytes:
        _Watched.joined += len(other)
        return bytes(other) + bytes(self)


def _context() -> ReadContext:
    response = Response()
    response.headers["Content-Type"] = "application/x-ndjson"
    return ReadContext(
        response=response,
        byte_limit=ByteLimit(),
        backend=None,
        in_parts=False,
        repeat=None,
        stop=lambda: None,
        assume=lambda _: None,
    )


def test_a_long_line_is_joined_once() -> None:
    """A line that comes in many pieces is not copied again for each of them."""
    pieces: list[bytes] = [_Watched(b"x" * 100) for _ in range(2_000)]
    (batch,) = read_lines(_Pieces([*pieces, b"\n", b"y"]), _context())  # type: ignore[arg-type]
    assert [len(line) for line in batch.lines] == [200_000, 1]
    assert _Watched.joined == 0


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_lines_cut_into_any_pieces(session: Session, api: Server, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are the same however they are cut into pieces."""
    monkeypatch.setattr(ndjson, "_PIECE", size)
    api.routes["/x"] = Reply(b'{"a":1}\n\n{"a":2}\r\n{"a":3}', content_type="application/x-ndjson")
    assert list(read(session, f"{api.origin}/x")["a"]) == [1, 2, 3]


@pytest.mark.parametrize("nested", ["object", "json", "flatten"])
@pytest.mark.parametrize(
    "last", ['{"id": 1.5}', '{"late": 1, "id": 2}', '{"of": {"a": 1}}', '{"id": 1, "id": 2}', "[1]", "NaN", "{}"]
)
def test_what_the_first_lines_do_not_show(last: str, nested: Nested) -> None:
    """A schema is learned from the first lines; what the others hold beyond it is in the frame all the same."""
    lines = [b'{"id": %d, "name": "n%d", "of": {"b": [1, "x"]}}' % (row, row) for row in range(1_500)]
    lines.append(last.encode())
    builder, expected = FrameBuilder(nested), FrameBuilder(nested)
    LineBatch(lines, 0, Response(), "utf-8-sig").append_to(builder)
    expected.add([loads(line) for line in lines])
    pd.testing.assert_frame_equal(builder.frame(), expected.frame())


def test_halves_of_a_text() -> None:
    """A text that goes on in the next line is refused, also where another line holds two documents in return."""
    builder, response = FrameBuilder(), Response()
    response.url = "https://api.example/x"
    LineBatch([b'{"a": "x"}'] * 3, 0, response, "utf-8-sig").append_to(builder)
    with pytest.raises(FormatError, match="line 4"):
        LineBatch([b'{"a": "x', b'y"}, {"a": "z"}'], 3, response, "utf-8-sig").append_to(builder)
    assert builder.frame()["a"].tolist() == ["x"] * 3
