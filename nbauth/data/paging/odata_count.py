"""OData's count of all rows, where a response has fewer and no next link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.data.paging.record_selector import NEXT
from nbauth.data.paging.totals import asked_for

if TYPE_CHECKING:
    from nbauth.data.paging.envelope import Envelope

__all__ = ["count_path", "lacks_rows"]

_COUNTS = ("@odata.count", "odata.count", "@count")


def count_path(envelope: Envelope) -> str | None:
    """Return the path of the number of all rows, if the response has it."""
    return next((name for name in _COUNTS if envelope.number(name) is not None), None)


def lacks_rows(envelope: Envelope) -> bool:
    """Tell whether a GET brought fewer rows than the response counts and the request asked for, and no next link.

    By the protocol there are no more then (OData 4.01 JSON Format §4.5.5). Servers that leave the link out know
    ``$skip``, by which the other rows are asked for.
    """
    request = envelope.response.request
    path = count_path(envelope) if request.body is None and envelope.is_odata else None
    if (
        path is None
        or envelope.link is not None
        or any(envelope.value(name) for name in NEXT if name in envelope.members)
    ):
        return False
    asked = asked_for(request)
    return asked.limit is None and envelope.row_count < asked.of(envelope.number(path) or 0)
