"""Requester: sends the requests of one load, each with a token; waits and sends again where `retry` says so."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import requests

from nbauth.data.fetch.http_errors import api_error, network_error
from nbauth.data.fetch.outgoing import OutgoingRequests
from nbauth.data.fetch.response_body import Body, ByteLimit, ShortBody
from nbauth.data.fetch.retry import Retries, is_limited, is_transient, is_unavailable
from nbauth.data.fetch.validators import content_range_of, version_of
from nbauth.errors import DataError, ReadInterrupted
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests import Response

    from nbauth.data.fetch.progress import LoadProgress
    from nbauth.data.fetch.request import PageRequest, RequestSpec
    from nbauth.data.fetch.session import Session

__all__ = ["Requester"]

_STEP_S = 0.2
_PARTIAL = 206


class Requester:
    """Sends the requests of one load. `request` may be called from several threads.

    Args:
        session: whose tokens the requests carry.
        spec: what the caller asks for.
        progress: told what was sent and what is waited for.
        retries: how often and how long to try again.
        accept: the ``Accept`` header, where the caller names none.

    Attributes:
        on_throttle: called when the API says that there are too many requests.
        before_again: called before such a request is sent again, when the API's time is over.
        byte_limit: how many bytes may still come.
        first: the first request.
        chain: whose tokens all its requests carry.
        retries: how often and how long to try again.

    Raises:
        ConfigError: the URL, a header or the document cannot be sent.
        OriginNotAllowed: no profile names the URL's origin.
    """

    def __init__(
        self,
        session: Session,
        spec: RequestSpec,
        progress: LoadProgress,
        *,
        retries: Retries | None = None,
        accept: str,
    ) -> None:
        self._session = session
        self._spec = spec
        self._progress = progress
        self.retries = retries or Retries()
        self.byte_limit = ByteLimit(spec.max_bytes)
        self._stopped = threading.Event()
        self._over = threading.Event()  # also where it has come to its end
        self._lock = threading.Lock()
        self._open: set[Response] = set()
        self._waited_s = 0.0
        self._waits_until = 0.0  # by the monotonic clock
        self._had_success = False
        self.on_throttle: Callable[[], None] = lambda: None
        self.before_again: Callable[[], None] = lambda: None
        self._outgoing = OutgoingRequests(session, spec, accept=accept)
        self.first = self._outgoing.first
        self.chain = session.chain(self.first.url)

    def stop(self) -> None:
        """End what other threads are doing for this load: their next request fails, and a stalled read ends."""
        self._stopped.set()
        self._over.set()
        with self._lock:
            still_open = list(self._open)
        for response in still_open:
            with suppress(Exception):  # it may just have ended by itself
                response.raw.shutdown()

    def end(self) -> None:
        """Send no more, and wait no more: the load is done. What is being answered comes; its connection is kept."""
        self._over.set()

    def send(
        self, request: PageRequest, *, headers: Mapping[str, str] | None = None, method: Literal["HEAD"] | None = None
    ) -> Response:
        """Send a request; return its response, whose body is still to be read.

        Args:
            request: the request.
            headers: headers to add.
            method: ``"HEAD"`` for what GET would answer, without a body.

        Raises:
            ApiError: the API answered with an error status.
            DataError: the API could not be reached.
            SignInRequired: a person has to sign in first; nothing was sent.
            OriginNotAllowed: no profile names the URL's origin.
        """
        attempt = 0
        while True:
            try:
                response = self._send(request, headers or {}, method)
            except requests.RequestException as error:
                self._wait_after(error, attempt, request)
            else:
                if response.ok and not 300 <= response.status_code < 400:  # noqa: PLR2004 - RFC 9110 §15.4
                    self._had_success = True
                    return response
                self._wait_for(response, attempt, request)
            attempt += 1

    def content(
        self, request: PageRequest, response: Response | None = None, body: Body | None = None
    ) -> tuple[Response, bytes]:
        """Return a response and its whole body; asked for again if the body breaks off.

        Args:
            request: the request.
            response: its response, if it was sent already.
            body: the response's body, if somebody looked at it already.
        """
        attempt = 0
        while True:
            response = self.send(request) if response is None else response
            try:
                with body or Body(response, self._progress.byte_counter(), byte_limit=self.byte_limit) as source:
                    source.read_at_once()
                    data = source.readall()
            except DataError as error:
                self._wait_after(error.__cause__ or error, attempt, request, instead=error)
                response, body, attempt = None, None, attempt + 1
                continue
            finally:
                self._forget(response)
            return response, data

    def body(
        self,
        request: PageRequest,
        response: Response,
        *,
        start: int = 0,
        stop: int | None = None,
        may_be_short: bool = False,
    ) -> Body:
        """Return a response's body to be streamed. Where the server offers byte ranges, a break does not end it.

        Nor does a server that sends fewer bytes of a range than it was asked for (RFC 9110 §14.2 lets it).

        Args:
            request: the request.
            response: its response.
            start: the byte of the file at which the body begins.
            stop: the byte before which it ends; None for the end of the file, or of the part that the caller asked for.
            may_be_short: whether the caller sees to it that all comes.
        """
        part = content_range_of(response)
        version = version_of(response) if part is None or part.start == start else None
        attempt, asked_at = 0, 0
        if stop is None and part is not None and response.status_code == _PARTIAL:
            stop = part.stop  # the caller asked for no more
        end = None if may_be_short else _least(stop, None if version is None else version.size)

        def reopen(error: BaseException, position: int) -> Response | None:
            nonlocal attempt, asked_at, end
            if version is None or request.verb != "GET":
                return None
            if not (isinstance(error, ShortBody) and position > asked_at):
                attempt += 1
                if attempt > self.retries.most or not is_transient(error, had_success=True):
                    return None
                self._wait(self.retries.pause(attempt - 1), "the connection broke")
            asked_at = position
            further = self.send(request, headers=version.headers(start + position, stop))
            codings = {r.headers.get("Content-Encoding") for r in (response, further)}
            if not version.begins(further, start + position) or len(codings) > 1:
                further.close()  # another version, or a server that ignores ranges
                return None
            told = content_range_of(further)
            if not may_be_short:
                end = _least(stop, end if told is None or told.size is None else told.size)
            return further

        return Body(
            response,
            self._progress.byte_counter(),
            reopen=reopen,
            is_end=lambda position: end is None or start + position >= end,
            byte_limit=self.byte_limit,
        )

    def try_again(self, error: BaseException, attempt: int) -> bool:
        """Wait, if a whole load that broke may be done again; tell whether it may."""
        is_safe = self._is_safe(self.first)
        if not is_safe or attempt >= self.retries.most or not is_transient(error, had_success=True):
            return False
        self._wait(self.retries.pause(attempt), "the connection broke")
        return True

    def _send(self, request: PageRequest, headers: Mapping[str, str], method: Literal["HEAD"] | None) -> Response:
        if self._over.is_set():
            raise ReadInterrupted("Stopped.")
        response = None if headers or method else self._outgoing.send_plainly(self.chain, request)
        if response is None:
            prepared, settings = self._outgoing.prepare(request, headers, method)
            response = self._session.send_within(self.chain, prepared, keeps_post=True, **settings)
        with self._lock:
            self._open = {response for response in self._open if not response.raw.closed}
            self._open.add(response)
            # `stop` closes what is in `_open`, once. A head that arrived after that is in there too late.
            is_too_late = self._stopped.is_set()
        if is_too_late:
            response.close()
            raise ReadInterrupted("Stopped.")
        self._progress.add_requests(1 + len(response.history))
        return response

    def _is_safe(self, request: PageRequest) -> bool:
        """Tell whether a request may be done twice."""
        return request.verb == "GET" or self._spec.retry_post

    def _wait_for(self, response: Response, attempt: int, request: PageRequest) -> None:
        if is_limited(response):
            self.on_throttle()
        is_safe = self._is_safe(request)
        seconds = self.retries.wait_for(response, attempt, is_safe=is_safe)
        if seconds is None or not self._may_wait(seconds):
            error = api_error(response)
            if not is_safe and is_unavailable(response):
                error.next_step = "Nobody knows whether it was done. If it may be done twice: retry_post=True."
            raise error
        response.close()
        self._wait(seconds, f"the API answered {response.status_code}")
        if is_limited(response):
            self.before_again()

    def _wait_after(
        self, error: BaseException, attempt: int, request: PageRequest, *, instead: DataError | None = None
    ) -> None:
        seconds = self.retries.pause(attempt)
        may = self._is_safe(request) and attempt < self.retries.most and self._may_wait(seconds)
        if not may or not is_transient(error, had_success=self._had_success):
            if instead is not None:
                raise instead
            assert isinstance(error, Exception)
            raise network_error(error, request.url) from error
        self._wait(seconds, "the connection broke")

    def _may_wait(self, seconds: float) -> bool:
        with self._lock:
            return not self._over.is_set() and self._waited_s + self._more(seconds) <= self.retries.longest_s

    def _more(self, seconds: float) -> float:
        """Return by how much a wait makes the load longer: threads may wait at the same time."""
        now = time.monotonic()
        return max(0.0, now + seconds - max(now, self._waits_until))

    def assume(self, text: str) -> None:
        """Note what is taken for granted about an answer; see `LoadProgress.assume`."""
        self._progress.assume(text)

    def _wait(self, seconds: float, why: str) -> None:
        with self._lock:
            self._waited_s += self._more(seconds)
            self._waits_until = max(self._waits_until, time.monotonic() + seconds)
        self.pause(seconds, f"{why}: trying again in {seconds:,.0f} s")

    def pause(self, seconds: float, why: str) -> None:
        """Send nothing for a while, and tell why.

        Raises:
            ReadInterrupted: the load is stopped meanwhile.
        """
        self._progress.waiting(seconds, why)
        until = time.monotonic() + seconds
        while not self._over.is_set():
            # In steps: an interrupt that comes as a flag, as in kernels on Windows, wakes no main thread that waits.
            if self._over.wait(min(_STEP_S, max(0.0, until - time.monotonic()))) or time.monotonic() >= until:
                break
        if self._over.is_set():
            raise ReadInterrupted("Stopped.", url=redact_url(self._spec.url))

    def _forget(self, response: Response | None) -> None:
        with self._lock:
            if response is not None:
                self._open.discard(response)


def _least(*numbers: int | None) -> int | None:
    return min((number for number in numbers if number is not None), default=None)
