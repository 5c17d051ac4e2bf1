"""The waiting for one job of an API, between one question whether it is done and the next."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from nbauth.errors import DataError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.data.fetch.retry import Retries

__all__ = ["JobWait"]


class JobWait:
    """Waits as long as the API says, or longer each time; in all no longer than the load may.

    Args:
        wait: waits so many seconds, and tells why; it raises where the load is stopped.
        retries: how long a job is waited for.
    """

    def __init__(self, wait: Callable[[float, str], None], retries: Retries) -> None:
        self._wait = wait
        self._retries = retries
        self._asked = 0
        self._began = time.monotonic()

    def wait(self, url: str, what: str, named_s: float | None, *, is_told: bool) -> None:
        """Wait until the API is asked again.

        Args:
            url: where.
            what: what it said, such as ``"it is RUNNING"``.
            named_s: the seconds that it named; None where it named none.
            is_told: whether it said where or when to ask; if not, half a minute is enough to find out.

        Raises:
            DataError: the job is waited for too long.
        """
        seconds = named_s or self._retries.job_pause(self._asked)
        waited_s = time.monotonic() - self._began
        longest_s = self._retries.longest_job_s if is_told else self._retries.longest_unnamed_job_s
        if waited_s + seconds > longest_s:
            shown_url = redact_url(url)
            raise DataError(
                f"{shown_url}: {what}, after {waited_s:,.0f} s. Its result is not there yet.",
                url=shown_url,
                next_step="Read it again later." if is_told else "It may never come: check the URL, or read it later.",
            )
        self._asked += 1
        self._wait(seconds, f"{what}: asking again in {seconds:,.0f} s")
