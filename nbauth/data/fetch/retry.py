"""When a request that failed is sent again, and after how long. `Requester` does the waiting.

| what went wrong | GET, HEAD | POST |
|---|---|---|
| 429 | again, after `Retry-After` | again: it was not done (RFC 6585 §4) |
| 502, 503, 504 | again, after `Retry-After` | only with ``retry_post=True`` |
| reset, timeout, body cut off | again | only with ``retry_post=True`` |
| refused, no such host | again, once something had been read | the same |
| certificate not trusted, another status | no | no |
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests
import urllib3

from nbauth.net.retry_after import retry_after_s

if TYPE_CHECKING:
    from requests import Response

__all__ = ["Retries", "is_transient", "is_unavailable"]

_TOO_MANY = 429
_UNAVAILABLE = frozenset({502, 503, 504})
_HOPELESS = (
    requests.exceptions.SSLError,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.TooManyRedirects,
    requests.exceptions.ContentDecodingError,
    urllib3.exceptions.DecodeError,
    urllib3.exceptions.SSLError,
)
_NEVER_THERE = ("refused", "NameResolutionError")


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often and how long one load tries again.

    Attributes:
        most: further tries of one request.
        pause_s: seconds before the first of them where the API names none; doubled each time.
        longest_wait_s: the longest ``Retry-After`` that is waited for; a longer one is an error at once.
        longest_s: seconds of waiting in one load, all together.
    """

    most: int = 4
    pause_s: float = 0.25
    longest_wait_s: float = 120.0
    longest_s: float = 600.0

    def pause(self, attempt: int) -> float:
        """Return the seconds before a further try; a little at random, so that clients do not come in step."""
        return self.pause_s * float(2**attempt) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret

    def wait_for(self, response: Response, attempt: int, *, is_safe: bool) -> float | None:
        """Return the seconds to wait before a response's request is sent again, or None if it is not.

        Args:
            response: the response.
            attempt: how often it was sent again already.
            is_safe: whether the request may be done twice.
        """
        status = response.status_code
        if attempt >= self.most or not (status == _TOO_MANY or (status in _UNAVAILABLE and is_safe)):
            return None
        named = retry_after_s(response.headers.get("Retry-After", ""))
        if named is None:
            return self.pause(attempt)
        return named if named <= self.longest_wait_s else None


def is_unavailable(status: int) -> bool:
    """Tell whether a status says that the API may answer later."""
    return status in _UNAVAILABLE


def is_transient(error: BaseException, *, had_success: bool) -> bool:
    """Tell whether a request that got no whole response may get one the next time."""
    if isinstance(error, _HOPELESS) or not isinstance(
        error, (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
    ):
        return False
    return had_success or not any(part in str(error) for part in _NEVER_THERE)
