"""What a good answer warns of beside its rows, which the person is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.data.paging.failure_signs import words_in
from nbauth.data.paging.names import plain
from nbauth.net.origins import redact_url
from nbauth.net.sanitize import clean

if TYPE_CHECKING:
    from nbauth.data.paging.envelope import Envelope

__all__ = ["notice_of"]

_WARNINGS = frozenset({"warning", "warnings", "warningmessage", "warningmessages"})


def notice_of(envelope: Envelope, rows_path: str) -> str | None:
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
