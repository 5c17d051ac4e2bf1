"""When a request that failed is sent again, and after how long. `Requester` does the waiting.

| what went wrong | GET, HEAD | POST |
|---|---|---|
| 429; 403 with a limit that is used up | again, when the limit is over | again: it was not done (RFC 6585 §4) |
| 408, 502, 503, 504; another 5xx with `Retry-After` | again, after `Retry-After` | only with ``retry_post=True`` |
| reset, timeout, body cut off | again | only with ``retry_post=True`` |
| refused, no such host | again, once something had been read | the same |
| certificate not trusted, another status | no | no |

`named_waits` has the headers that say when a limit is over. GitHub answers 403 instead of 429, with `Retry-After` or
`x-ratelimit-remaining: 0` (docs.github.com, rate limits for the REST API).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests
import urllib3

from nbauth.data.fetch.named_waits import is_used_up, limit_wait_s, named_wait_s

if TYPE_CHECKING:
    from requests import Response

__all__ = ["Retries", "is_limited", "is_transient", "is_unavailable"]

_FORBIDDEN, _TIMED_OUT, _TOO_MANY = 403, 408, 429
_SERVER_ERRORS = range(500, 600)
_UNAVAILABLE = frozenset({_TIMED_OUT, 502, 503, 504})
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
        longest_wait_s: the longest time named by the API that is waited for; a longer one is an error at once.
        longest_s: seconds of waiting in one load, all together.
        longest_job_s: seconds for which a job is waited for that the API tells of, such as a query that runs.
        longest_unnamed_job_s: the same where the API does not say where or when to ask.
    """

    most: int = 4
    pause_s: float = 0.25
    longest_wait_s: float = 120.0
    longest_s: float = 600.0
    longest_job_s: float = 3600.0
    longest_unnamed_job_s: float = 30.0

    def pause(self, attempt: int) -> float:
        """Return the seconds before a further try; a little at random, so that clients do not come in step."""
        return self.pause_s * float(2**attempt) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret

    def job_pause(self, attempt: int) -> float:
        """Return the seconds before a job is asked for again where the API names none; ten at most."""
        return min(10.0, self.pause(min(attempt, 10)))

    def wait_for(self, response: Response, attempt: int, *, is_safe: bool) -> float | None:
        """Return the seconds to wait before a response's request is sent again, or None if it is not.

        Args:
            response: the response.
            attempt: how often it was sent again already.
            is_safe: whether the request may be done twice.
        """
        is_over_limit = is_limited(response)
        if attempt >= self.most or not (is_over_limit or (is_unavailable(response) and is_safe)):
            return None
        named = (limit_wait_s if is_over_limit else named_wait_s)(response.headers)
        if not named:  # or 0, which is no reason to ask without a pause again and again
            return self.pause(attempt)
        return named if named <= self.longest_wait_s else None


def is_limited(response: Response) -> bool:
    """Tell whether a response says that there were too many requests, so that this one was not done."""
    status, headers = response.status_code, response.headers
    if status == _FORBIDDEN:
        return named_wait_s(headers) is not None or (is_used_up(headers) and limit_wait_s(headers) is not None)
    return status == _TOO_MANY


def is_unavailable(response: Response) -> bool:
    """Tell whether a response says that the API may answer later."""
    status = response.status_code
    return status in _UNAVAILABLE or (status in _SERVER_ERRORS and named_wait_s(response.headers) is not None)


def is_transient(error: BaseException, *, had_success: bool) -> bool:
    """Tell whether a request that got no whole response may get one the next time."""
    if isinstance(error, _HOPELESS) or not isinstance(
        error, (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
    ):
        return False
    return had_success or not any(part in str(error) for part in _NEVER_THERE)
