"""NDJSON: one JSON document a line, some thousand lines at once."""

from __future__ import annotations

import codecs
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from nbauth.data.fetch.charsets import has_lines
from nbauth.data.parse.format import Format
from nbauth.data.parse.json_errors import no_json
from nbauth.data.parse.json_text import loaded_lines, loads
from nbauth.data.parse.lazy_json import RawNode
from nbauth.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response

    from nbauth.data.build.frame_builder import FrameBuilder
    from nbauth.data.fetch.response_body import Body
    from nbauth.data.parse.format import ReadContext
    from nbauth.errors import FormatError

__all__ = ["FORMAT", "LineBatch", "read_lines"]

_LINES_AT_ONCE = 5_000
_PIECE = 256 * 1024
_BLANK = frozenset({b"", b"\r"})


@dataclass(frozen=True)
class LineBatch:
    """Some lines.

    Attributes:
        lines: the lines, some of them blank perhaps.
        before: how many lines came before them.
        response: the response that they are from.
        codec: their character set.
    """

    lines: list[bytes]
    before: int
    response: Response
    codec: str
    has_own_columns: ClassVar[Literal[False]] = False
    total_rows: ClassVar[None] = None
    next_request: ClassVar[None] = None
    is_good: ClassVar[bool] = True

    @property
    def url(self) -> str:
        """Where they are from."""
        return self.response.url

    @property
    def size(self) -> int:
        """The bytes that they hold."""
        return sum(map(len, self.lines))

    def append_to(self, builder: FrameBuilder) -> None:
        """Decode them into a builder.

        Raises:
            FormatError: a line is no JSON; those before it are in the builder.
        """
        array = self._as_array() if builder.is_fast else None
        if array is not None:
            with suppress(ValueError, RecursionError):  # line by line, it shows which one
                RawNode(array[0]).append_to(builder, expected=array[1])
                return
        records, broken = self._records()
        builder.add(records)
        if broken is not None:
            raise broken

    def _as_array(self) -> tuple[memoryview, int] | None:
        """Return them as one array of UTF-8, and how many items it must have; None in another character set."""
        if self.codec != "utf-8-sig":
            return None
        lines = [line for line in self.lines if len(line) > 1 or line not in _BLANK]
        if lines and not self.before:
            lines[0] = lines[0].removeprefix(codecs.BOM_UTF8)
        # The end of the line stays, which no text may hold: of two halves of a text it makes no whole one.
        return memoryview(b"[" + b",\n".join(lines) + b"]"), len(lines)

    def _records(self) -> tuple[list[Any], FormatError | None]:
        """Decode them one by one; return those in front of a line that is no JSON, and the error that says so."""
        if self.codec == "utf-8-sig":
            whole = loaded_lines([line for line in self.lines if line.strip()])
            if whole is not None:
                return whole, None
        records: list[Any] = []
        for number, line in enumerate(self.lines, self.before + 1):
            if not line.strip():
                continue
            try:
                records.append(loads(line if self.codec == "utf-8-sig" else line.decode(self.codec)))
            except (ValueError, RecursionError) as error:
                return records, no_json(self.response, line, error, what=f"whose line {number}")
        return records, None


def read_lines(body: Body, context: ReadContext, *, separator: bytes = b"\n") -> Iterator[LineBatch]:
    """Yield the lines of a body; if it breaks off, those that came whole before that is raised.

    Args:
        body: the body.
        context: what the response says of it.
        separator: what stands between the documents.

    Raises:
        DataError: the body is not whole.
        FormatError: the server names a character set that is not read.
    """
    response, codec = context.response, context.codec()
    waiting: list[bytes] = []
    before = 0
    parts: list[bytes] = []  # of a line that has no end yet: joined once, however long it is
    broke: BaseException | None = None
    with body:
        if not has_lines(codec):
            text = body.readall().decode(codec)
            waiting, codec = [line.encode() for line in text.split(separator.decode())], "utf-8"
        else:
            while True:
                try:
                    piece = body.read1(_PIECE)
                except (DataError, KeyboardInterrupt) as error:
                    broke, parts = error, []
                    break
                if not piece:
                    break
                parts.append(piece)
                if separator not in piece:
                    continue
                *whole, rest = b"".join(parts).split(separator)
                parts = [rest]
                waiting += whole
                while len(waiting) >= _LINES_AT_ONCE:
                    yield LineBatch(waiting[:_LINES_AT_ONCE], before, response, codec)
                    before += _LINES_AT_ONCE
                    del waiting[:_LINES_AT_ONCE]
            waiting.append(b"".join(parts))
    while waiting:
        yield LineBatch(waiting[:_LINES_AT_ONCE], before, response, codec)
        before += _LINES_AT_ONCE
        del waiting[:_LINES_AT_ONCE]
    if broke is not None:
        raise broke


FORMAT = Format(
    name="NDJSON",
    media_types=(
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonl",
        "application/jsonlines",
        "application/x-jsonlines",
        "application/json-lines",
        "application/json-seq",
        "application/stream+json",
        "application/x-json-stream",
        "application/x-ldjson",
        "text/x-ndjson",
        "text/ndjson",
        "text/jsonl",
    ),
    endings=(".ndjson", ".jsonl"),
    read=read_lines,
    weight=0.9,
    suffix="+json-seq",
)
