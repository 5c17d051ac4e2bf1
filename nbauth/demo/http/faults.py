"""Switches that make a server misbehave on purpose: status, delay, drips, truncation, `Retry-After`, reset."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

__all__ = ["Fault", "Faults"]

_HTML = b"<!doctype html><title>Not what you asked for</title><h1>Welcome to our network</h1>"


@dataclass(kw_only=True)
class Fault:
    """One misbehaviour, and how often it still happens.

    Attributes:
        path: glob that the path of a request must match (`fnmatch`: ``*`` also crosses slashes).
        method: only requests of this method; None for all.
        status: answer with this status instead of what the server would say.
        headers: headers to add, to the server's own answer where neither status nor body is given.
        body: the body instead of the server's own.
        delay_s: seconds to wait before anything is answered.
        until: wait for this before anything is answered, half a minute at most.
        drip_headers_s: seconds between any two bytes of the status line and the headers.
        drip_body_s: seconds between any two bytes of the body.
        truncate_at: send the header for a whole body, but only so many bytes of it, then close.
        reset: answer nothing and reset the connection.
        times: how many more requests it hits; None for all.
        hits: how many requests it has hit.
    """

    path: str
    method: str | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay_s: float = 0.0
    until: threading.Event | None = None
    drip_headers_s: float = 0.0
    drip_body_s: float = 0.0
    truncate_at: int | None = None
    reset: bool = False
    times: int | None = 1
    hits: int = 0


class Faults:
    """The faults of one server. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        path: str,
        *,
        method: str | None = None,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        body: str | bytes | None = None,
        delay_s: float = 0.0,
        until: threading.Event | None = None,
        drip_headers_s: float = 0.0,
        drip_body_s: float = 0.0,
        truncate_at: int | None = None,
        reset: bool = False,
        retry_after: int | str | None = None,
        html: bool = False,
        times: int | None = 1,
    ) -> Fault:
        """Make requests to `path` fail.

        Args:
            path: glob for the path, such as ``*/token``.
            method: only this method.
            status: status to answer with; with `html` 200 unless given.
            headers: headers to add.
            body: body to answer with.
            delay_s: seconds to wait first.
            until: what to wait for first, half a minute at most: a test says when the answer comes, on any machine.
            drip_headers_s: seconds between any two bytes of the headers.
            drip_body_s: seconds between any two bytes of the body.
            truncate_at: bytes of the body to send before the connection is closed.
            reset: reset the connection without an answer.
            retry_after: value of a ``Retry-After`` header, in seconds or as an HTTP date.
            html: answer with a page of HTML, as a captive portal does.
            times: how many requests to hit; None for all until `clear`.

        Returns:
            The fault, which counts its `hits`.
        """
        extra = dict(headers or {})
        if retry_after is not None:
            extra["Retry-After"] = str(retry_after)
        content = body.encode() if isinstance(body, str) else body
        if html:
            extra.setdefault("Content-Type", "text/html; charset=utf-8")
            content = _HTML if content is None else content
            status = 200 if status is None else status
        fault = Fault(
            path=path,
            method=method,
            status=status,
            headers=extra,
            body=content,
            delay_s=delay_s,
            until=until,
            drip_headers_s=drip_headers_s,
            drip_body_s=drip_body_s,
            truncate_at=truncate_at,
            reset=reset,
            times=times,
        )
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the oldest fault that hits a request, and count the hit."""
        with self._lock:
            for fault in self._faults:
                if fault.times == 0 or (fault.method or method) != method:
                    continue
                if fnmatchcase(path, fault.path):
                    fault.hits += 1
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None
