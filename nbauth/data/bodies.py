"""The body of an answer as a binary file: decompressed while it streams, and never short in silence."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, cast

import urllib3

from nbauth.data.failures import network_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import Response

__all__ = ["Body", "as_file"]

_BUFFER = 256 * 1024


class Body(io.RawIOBase):
    """Reads an answer's body; closing it closes the connection unless it is read to its end.

    Args:
        response: an answer that was asked for with ``stream=True``.
        on_bytes: told how many bytes have come, as they were on the wire.

    Attributes:
        error: what broke, if anything did. A parser may hide what its file raises.
    """

    def __init__(self, response: Response, on_bytes: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self._response = response
        self._on_bytes = on_bytes
        self.name = response.url.partition("?")[0]
        self.error: BaseException | None = None

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer, or what is left; 0 only at the end that the server announced.

        Raises:
            DataError: the connection broke, timed out, or ended early.
        """
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """Read what is left, in one go."""
        return self._read(None)

    def close(self) -> None:
        """Close the answer."""
        if not self.closed:
            self._response.close()
        super().close()

    def _read(self, size: int | None) -> bytes:
        raw = self._response.raw
        try:
            data = bytes(raw.read(size, decode_content=True))
            if self._on_bytes is not None:
                self._on_bytes(raw.tell())
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self.error = network_error(error, self._response.url)
            self._response.close()
            raise self.error from error
        except BaseException as error:
            self.error = error
            raise
        return data


def as_file(body: Body) -> BinaryIO:
    """Return the body with a buffer, for whatever takes a file."""
    return cast("BinaryIO", io.BufferedReader(body, _BUFFER))
