"""Whether a response says that there is more, that it is the last one, or that it is not whole.

Names count, whatever their case and separators, in every object beside and above the rows. Sources of the names:
Stripe, Slack, GraphQL's relay specification, HubSpot, Pipedrive, Zoho, Dataverse, Bitbucket, Spring Data, Salesforce,
Zendesk, S3, ArcGIS, Datasette, Azure Resource Graph, Elasticsearch, GitHub.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbauth.data.paging.body_values import BodyValues
    from nbauth.data.paging.places import Place

__all__ = ["Said", "is_flag", "said_in", "truth"]

_OF_WHAT = "(?:page|item|result|record|row|data|entry|entrie|hit|object|element|message)s?"
# True says that there is more, false that there is not.
_MORE = re.compile(
    rf"(?:has|have|is|are|there(?:is|are))?(?:any)?(?:more|next|nextpage|additional)(?:{_OF_WHAT})?"
    r"(?:available|exists?|coming|in\w+|to\w+|left|remaining)?"
)
# True says that it is the last one, false that it is not.
_LAST = re.compile(
    r"(?:is|on)?(?:the)?(?:last|final)(?:page|batch|chunk|(?:result)?set)?|(?:is|at|reached)?(?:the)?end(?:of\w+|reached)?|eof"
    rf"|no(?:more|next)(?:{_OF_WHAT})?"
)
# False says that there is more. True may be said of other things, such as a query that is done.
_DONE = re.compile(r"(?:is)?(?:alldone|done|complete|finished|exhausted)")
# How many rows are still to come.
_LEFT = re.compile(rf"(?:remaining|left|more)(?:{_OF_WHAT})(?:count)?|(?:{_OF_WHAT})(?:remaining|left)")
# True says that rows were left out, which a next page may bring.
_CUT = re.compile(
    r"(?:is|was|are)?(?:results?|rows?|data|response|output|records?|items?)?(?:is|was|are)?(?:truncated|capped|cutoff)"
    r"|exceeded\w*limit|\w*limit(?:was)?(?:exceeded|reached|hit)|truncated(?:results?|rows?|data)"
)
# True says that rows were left out, which no page brings: a search that ran out of time.
_PARTIAL = re.compile(
    r"(?:is|has)?(?:results?|data)?(?:incomplete|partial)(?:results?|data|response|rows)?|timedout|terminatedearly"
)
_OF_TOTALS = re.compile(r"\w*(?:count|total)\w*")  # whose own limit is another thing than that of the rows


@dataclass(frozen=True)
class Said:
    """What one response says of the rows that are not in it.

    Attributes:
        more: what says that there is more.
        is_end: whether it says that there is not.
        cut: what says that rows were left out, which a next page may bring.
        partial: what says that rows were left out, which no page brings.
        is_done: whether it says that it is done, which Salesforce says of the rows.
    """

    more: str | None = None
    is_end: bool = False
    cut: str | None = None
    partial: str | None = None
    is_done: bool = False

    @property
    def any_more(self) -> str | None:
        """What says that a next page would bring something."""
        return self.more or self.cut


def said_in(values: BodyValues, places: Iterable[Place], *, has_rows: bool) -> Said:
    """Return what a response says.

    Args:
        values: the response's.
        places: the objects beside and above its rows.
        has_rows: whether it is known where the rows are; if not, the response may be a row itself, such as a task that
            is not done.
    """
    more = cut = partial = None
    is_end = is_done = False
    for place in places:
        for name in place.names:
            kind = _kind(name)
            if kind is None:
                continue
            path = place.path(name)
            is_so, number = truth(values.value(path), has_numbers=kind is _MORE), values.number(path)
            if kind is _LEFT:
                more = more or (f"{path}={number}" if number is not None and number > 0 else None)
            elif kind in (_MORE, _LAST) and is_so is not None:
                is_more = is_so is (kind is _MORE)
                is_end = is_end or (not is_more and place.is_envelope)
                more = more or ((path if is_so else f"{path}=false") if is_more else None)
            elif kind is _DONE and has_rows and place.is_envelope and "id" not in place.names:
                is_done = is_done or bool(is_so)
                more = more or (f"{path}=false" if is_so is False else None)
            elif kind is _CUT and is_so and has_rows:
                cut = cut or path
            elif kind is _PARTIAL and is_so and has_rows:
                partial = partial or path
    return Said(more, is_end and more is None, cut, partial, is_done)


def is_flag(name: str) -> bool:
    """Tell whether a plain name is that of such a flag."""
    return _kind(name) is not None


def truth(value: Any, *, has_numbers: bool = False) -> bool | None:
    """Return a truth value, which may be written as text, or as 0 or 1; None for anything else."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    if has_numbers and type(value) is int and value in (0, 1):
        return bool(value)
    return value if isinstance(value, bool) else None


@lru_cache(maxsize=4096)
def _kind(name: str) -> re.Pattern[str] | None:
    kind = next((kind for kind in (_MORE, _LAST, _DONE, _LEFT, _CUT, _PARTIAL) if kind.fullmatch(name)), None)
    return None if kind is _CUT and _OF_TOTALS.fullmatch(name) else kind
