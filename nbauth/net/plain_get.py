"""Plain GETs over urllib3 alone: what requests puts around a request takes longer than the request itself.

Nothing of HTTP is done here. A request goes over the pool that requests would take, and is sent as requests sends it.
An answer with anything unusual is handed to requests, which makes of it what it makes of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import PreparedRequest, Response

__all__ = ["Answer", "PlainGetAdapter", "PlainGets", "answered"]

_OK = 200
_PLAIN_PATH = re.compile(r"/(?:[!\"$-~]*[!\"$->@-~])?")  # ASCII without a blank, a "#", or a "?" at its end
_COOKIES = ("Set-Cookie", "Set-Cookie2")
_ANSWER = "_nbauth_answer"


@dataclass
class Answer:
    """What came of a GET: urllib3's response, or its error. For requests it stands in the place of a pool.

    Attributes:
        raw: the response.
        error: the error.
        seconds: until its headers had come.
    """

    raw: urllib3.BaseHTTPResponse | None
    error: Exception | None
    seconds: float

    @property
    def is_plain(self) -> bool:
        """Whether it is a 200 that requests would only hand on."""
        raw = self.raw
        return raw is not None and raw.status == _OK and not any(name in raw.headers for name in _COOKIES)

    def urlopen(self, *_: Any, **__: Any) -> urllib3.BaseHTTPResponse:
        """Give requests the response, or raise the error, as a pool does."""
        if self.error is not None:
            raise self.error
        assert self.raw is not None
        return self.raw


class PlainGetAdapter(HTTPAdapter):
    """An adapter that requests may give a request whose answer has come already (`answered`)."""

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Return the pool for a request, or what stands in its place."""
        answer = vars(request).pop(_ANSWER, None)
        if answer is not None:
            return answer
        return super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)


def answered(request: PreparedRequest, answer: Answer) -> PreparedRequest:
    """Have an adapter give a request this answer, once, in place of sending it."""
    setattr(request, _ANSWER, answer)
    return request


@dataclass
class PlainGets:
    """GETs to one origin which differ in their paths.

    Attributes:
        prepared: one of them, as requests prepared it.
        prefix: of their URLs: scheme, host and a slash.
    """

    prepared: PreparedRequest
    prefix: str
    _pool: tuple[Any, Any, Any] | None = field(default=None, init=False)

    def target(self, url: str) -> str | None:
        """Return what stands for a URL in a request's first line; None where requests has to say."""
        target = url[len(self.prefix) - 1 :]
        return target if url.startswith(self.prefix) and _PLAIN_PATH.fullmatch(target) else None

    def ask(
        self, adapter: PlainGetAdapter, target: str, headers: Mapping[str, str], *, verify: Any, timeout_s: Any
    ) -> Answer:
        """Send one, as `HTTPAdapter.send` does.

        Args:
            adapter: whose pool it goes over.
            target: what `target` returned.
            headers: its own headers, beside those of all.
            verify: as `PerRequestTrustAdapter` takes it.
            timeout_s: seconds to connect, and to wait for the next bytes.
        """
        connect_s, read_s = timeout_s
        began = perf_counter()
        raw = error = None
        try:
            raw = self._pool_of(adapter, verify).urlopen(
                "GET",
                target,
                headers={**self.prepared.headers, **headers},
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
                retries=adapter.max_retries,
                timeout=urllib3.Timeout(connect=connect_s, read=read_s),
            )
        except Exception as caught:  # noqa: BLE001 - requests makes an error of its own of it
            error = caught
        return Answer(raw, error, perf_counter() - began)

    def request(self, url: str) -> PreparedRequest:
        """Return one as requests has it."""
        request = self.prepared.copy()
        request.url = url
        return request

    def response(self, adapter: PlainGetAdapter, url: str, answer: Answer) -> Response:
        """Return what `HTTPAdapter.build_response` makes of a plain answer; its body is still to be read."""
        raw = answer.raw
        assert raw is not None
        response = requests.Response()
        response.status_code, response.raw, response.url = raw.status, raw, url
        response.reason = raw.reason  # type: ignore[assignment]  # as requests has it
        response.headers = CaseInsensitiveDict(raw.headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response.request = self.request(url)
        response.connection = adapter
        response.elapsed = timedelta(seconds=answer.seconds)
        return response

    def _pool_of(self, adapter: PlainGetAdapter, verify: Any) -> Any:
        """Return the pool that requests would take; it takes that of before, which urllib3 may have closed, anew."""
        known = self._pool
        if known is None or known[0] is not adapter or known[1] is not verify or known[2].pool is None:
            pool: Any = adapter.get_connection_with_tls_context(self.prepared, verify)
            adapter.cert_verify(pool, self.prepared.url, verify, None)  # type: ignore[no-untyped-call]
            known = self._pool = (adapter, verify, pool)
        return known[2]
