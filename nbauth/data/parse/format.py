"""Format: the media types and file endings that show a format, and the function that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbauth.data.fetch.charsets import charset_of
from nbauth.data.fetch.http_errors import format_error
from nbauth.net.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from requests import Response

    from nbauth.data.batch import Batch
    from nbauth.data.build.frame_builder import Backend
    from nbauth.data.fetch.response_body import Body, ByteLimit

__all__ = ["Format", "ReadContext"]


@dataclass(frozen=True, kw_only=True)
class ReadContext:
    """What a format may need beside the body.

    Attributes:
        response: the response, whose headers are read.
        byte_limit: how many bytes may still come; what a compressed file becomes counts, too.
        backend: ``"pyarrow"`` where frames are to have Arrow's dtypes.
        in_parts: whether batches of some ten thousand rows are wanted, Parquet as tables of Arrow's.
        repeat: sends the request once more; returns the body and its context. None where that is not safe.
        stop: ends what another thread reads of the body.
        assume: notes what is taken for granted, of which the person is warned at the end.
        encoding: the character set that the caller names, or None.
        csv: arguments of `pandas.read_csv` that the caller names, or None.
        sheet: the sheet of a workbook that the caller names, or None.
    """

    response: Response
    byte_limit: ByteLimit
    backend: Backend | None
    in_parts: bool
    repeat: Callable[[], tuple[Body, ReadContext]] | None
    stop: Callable[[], None]
    assume: Callable[[str], None]
    encoding: str | None = None
    csv: Mapping[str, Any] | None = None
    sheet: str | int | None = None

    @property
    def url(self) -> str:
        """Where the body is from."""
        return self.response.url

    def codec(self) -> str:
        """Return Python's name of the character set that the caller names, or else the server, or else of UTF-8.

        Raises:
            FormatError: it is none that is read.
        """
        named = None if self.encoding is None else f'text/plain; charset="{self.encoding}"'
        try:
            return charset_of(named or self.response.headers.get("Content-Type", ""))
        except (LookupError, ValueError) as error:
            self.response.close()
            name = clean(str(error.args[0] if error.args else ""), 40)
            why = f"in the character set {name!r}, which nbauth does not read"
            step = 'If it is in another one, say which, as in encoding="utf-8".'
            raise format_error(self.response, b"", why, next_step=step) from None


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of data.

    Attributes:
        name: what people call it.
        media_types: its media types; the first is asked for.
        endings: the endings of URLs that tell it where a server does not.
        weight: how much it is wanted from a server that has others, up to 1; None does not ask for it.
        suffix: the end of media types that are built on it (RFC 6839).
        read: yields the batches of a body. None for JSON, which comes in pages: see `nbauth.data.paging`.
    """

    name: str
    media_types: tuple[str, ...]
    endings: tuple[str, ...]
    read: Callable[[Body, ReadContext], Iterator[Batch]] | None
    weight: float | None = None
    suffix: str | None = None
