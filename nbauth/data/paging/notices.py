"""What a good answer warns of beside its rows, which the person is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.data.paging.failure_signs import words_in
from nbauth.data.paging.inner_lists import short_lists
from nbauth.data.paging.names import plain
from nbauth.net.origins import redact_url
from nbauth.net.sanitize import clean

if TYPE_CHECKING:
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page_response import Rows

__all__ = ["notices"]

_WARNINGS = frozenset({"warning", "warnings", "warningmessage", "warningmessages"})


def notices(envelope: Envelope, rows: Rows, rows_path: str | None) -> list[str]:
    """Return what the person is told of an answer: what it warns of, and lists inside its rows that are not whole.

    Args:
        envelope: the answer's.
        rows: its rows.
        rows_path: where they are; None where the answer is an array or a row itself.
    """
    warned = None if rows_path is None else _warned(envelope, rows_path)
    return [said for said in (warned, short_lists(envelope.response, rows)) if said is not None]


def _warned(envelope: Envelope, rows_path: str) -> str | None:
    """Return what an answer warns of, as a sentence for the person.

    Prometheus, Jira and MediaWiki do, where they left something out or took a parameter otherwise than it was meant.

    Args:
        envelope: the answer's.
        rows_path: where its rows are.
    """
    for name in envelope.members:
        if plain(name) in _WARNINGS and name != rows_path:
            value = envelope.value(name)
            said = clean(words_in(value.value() if hasattr(value, "members") else value))
            if said:
                return f"{redact_url(envelope.response.url)} warns of its answer, which was taken as it is: {said}"
    return None
