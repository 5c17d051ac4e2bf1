"""A response that has arrived, as far as it was looked at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbauth.data.parse.formats import JSON

if TYPE_CHECKING:
    from requests import Response

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.page_response import PageResponse
    from nbauth.data.parse.opened import Opened

__all__ = ["ACCEPTED", "Arrival", "may_be_of_job"]

ACCEPTED = 202
_FIRST = 64  # bytes
_LONGEST = 64 * 1024  # what is looked at anyway
# What is said of a job in front of rows that are not all.
_FLAG = re.compile(rb'"(?:is_?running|job_?complete)"', re.IGNORECASE)


@dataclass(frozen=True)
class Arrival:
    """A response, as far as it was looked at.

    Attributes:
        request: the request that it answers.
        response: the response.
        content: its body, as JSON; None where it is none, or is still to be read.
        found: its body, where that was opened.
        page: the document in it, or the part of that which is the result; None where it has none.
        alike: the `Alike` that tells what it has in common with an answer before it, if it is so; else None.
    """

    request: PageRequest
    response: Response
    content: bytes | None = None
    found: Opened | None = None
    page: PageResponse | None = None
    alike: object = None

    @property
    def is_json(self) -> bool:
        """Whether it is JSON, or was read as such."""
        return self.found is None or self.found.format is JSON

    @property
    def is_empty(self) -> bool:
        """Whether its body is."""
        if self.content is not None or self.found is None:
            return not (self.content or b"").strip()
        return not self.found.body.peek(_FIRST).strip()


def may_be_of_job(arrival: Arrival) -> bool:
    """Tell whether an unread body may be about a job: it is JSON, and short.

    A longer one is read where its pages are, in a thread, so that an interrupt is heard whatever the connection does.
    """
    if arrival.found is None or arrival.found.format is not JSON:
        return False
    start = arrival.found.body.peek(_LONGEST)
    return len(start) < _LONGEST or _FLAG.search(start) is not None
