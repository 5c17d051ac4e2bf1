"""What was asked of a server, without anything secret: for tests that count requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RequestLog", "RequestRecord"]

_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class RequestRecord:
    """One request and how it was answered.

    Attributes:
        server: ``provider``, ``pages`` (the provider on plain http) or ``api``.
        method: GET, POST, …
        path: the path, without the query.
        query_keys: names of the query's parameters; never their values.
        grant_type: the grant asked of a token endpoint.
        authorization: whether there was an ``Authorization`` header.
        status: the status answered; 0 for a reset connection.
        host: the host that was asked, without its port.
    """

    server: str
    method: str
    path: str
    query_keys: tuple[str, ...]
    grant_type: str | None
    authorization: bool
    status: int
    host: str = ""


class RequestLog:
    """The requests that a server got, oldest first. All methods may be called from any thread.

    Args:
        also: a log that every request is noted in too.
    """

    def __init__(self, *, also: RequestLog | None = None) -> None:
        self._also = also
        self._records: list[RequestRecord] = []
        self._times_cleared = 0
        self._lock = threading.Lock()

    @property
    def era(self) -> tuple[int, ...]:
        """What a request that comes in now belongs to, here and in the other log; it ends when the log is cleared."""
        return (self._times_cleared, *(() if self._also is None else self._also.era))

    def append(self, record: RequestRecord, era: tuple[int, ...]) -> None:
        """Note a request, unless the log was cleared since it came in.

        Args:
            record: the request.
            era: `era` at the time when it came in. A server that is slow on purpose notes it much later.
        """
        with self._lock:
            if era[0] == self._times_cleared:
                self._records.append(record)
        if self._also is not None:
            self._also.append(record, era[1:])

    def clear(self) -> None:
        """Forget all requests, those that are being answered, too."""
        with self._lock:
            self._records.clear()
            self._times_cleared += 1

    def matching(
        self,
        pattern: str = "*",
        *,
        method: str | None = None,
        status: int | None = None,
        grant_type: str | None = None,
    ) -> list[RequestRecord]:
        """Return the requests whose path matches a glob, such as ``*/token``."""
        return [
            record
            for record in self
            if fnmatchcase(record.path, pattern)
            and method in (None, record.method)
            and status in (None, record.status)
            and grant_type in (None, record.grant_type)
        ]

    def count(
        self,
        pattern: str = "*",
        *,
        method: str | None = None,
        status: int | None = None,
        grant_type: str | None = None,
    ) -> int:
        """Count the requests whose path matches a glob, such as ``*/token``."""
        return len(self.matching(pattern, method=method, status=status, grant_type=grant_type))

    def __iter__(self) -> Iterator[RequestRecord]:
        with self._lock:
            return iter(self._records.copy())

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> RequestRecord:
        return self._records[index]

    def __repr__(self) -> str:
        asked = [f"{record.method} {record.path}" for record in self]
        return f"<RequestLog of {len(asked)} requests: {', '.join(asked[:_SHOWN])}>"
