"""Detection: from the first response to where its rows are and how the next page is asked for.

Four questions are asked here and nowhere else, in this order:

1. Is it an error, whatever its status says? Any response may be.
2. Where are the rows? The first response tells, for the whole load: by the form of OData, by a known name, or because
   it has one list only.
3. How does the API page? The first response tells that, too: the first of the `Sign`s counts that it shows.
4. Does the last response say that there is more? Then it is an error.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbauth.data.paging.advice import how_to_go_on
from nbauth.data.paging.envelope import Envelope
from nbauth.data.paging.failure import failure_of
from nbauth.data.paging.header_counts import check_counts, header_counts
from nbauth.data.paging.odata_columns import selected_columns
from nbauth.data.paging.page_response import HEADER, MISSING, Rows, number_at
from nbauth.data.paging.record_selector import COUNT, NEXT, Choice, choose, rows_at, rows_of
from nbauth.data.paging.styles import STYLES
from nbauth.data.paging.styles.auto import Auto
from nbauth.data.paging.styles.next import NextUrl, text_of_next
from nbauth.data.paging.styles.none import OnePage
from nbauth.data.paging.styles.page import PageNumber
from nbauth.data.paging.styles.style import Sign
from nbauth.data.paging.table import rows_node, table_rows, unnamed_table
from nbauth.errors import FormatError, PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbauth.data.paging.styles import Style
    from nbauth.data.parse.json_table import Table
    from nbauth.errors import ApiError

__all__ = ["CannotResume", "Layout", "check_end", "detect", "detect_file", "failed", "resumed", "rows_in", "total_in"]

_OF_ARRAYS = (Sign.HEADER, Sign.LINK)  # all that an array can show
_LEFT_OUT = "_embedded"  # where rows would be of which there are none
_OF_MORE = (Sign.ADDRESS, Sign.CURSOR, Sign.NEXT_NUMBER, Sign.MORE_COUNTED)


class CannotResume(Exception):
    """A load that broke off earlier cannot go on: it has to start over."""


@dataclass(frozen=True)
class Layout:
    """What the first response of a load shows about all of them.

    Attributes:
        style: how the API pages.
        records: the path of the rows; None where a response is an array or a single object.
        is_array: whether the first response is an array.
        members: the first response's members. A later one without rows has no others.
        columns: the columns that are known before any row.
        assumed: what was taken for granted of where the rows are, to be said; None where the response says it.
        table: the columns and the form of the rows, where the first response is a table.
    """

    style: Style
    records: str | None
    is_array: bool = False
    members: frozenset[str] | None = None
    columns: tuple[str, ...] = ()
    assumed: str | None = None
    table: Table | None = None


def detect(envelope: Envelope, style: Style) -> Layout:
    """Read the first response.

    Args:
        envelope: the first response's.
        style: how the API pages, as the caller says.

    Raises:
        ApiError: the response is an error, and has no rows beside it.
        FormatError: the path that the caller named leads nowhere.
        PaginationError: the response says that there is more, and it cannot be told of what.
    """
    error = failure_of(envelope, envelope.rows_path, may_be_row=envelope.named is None)
    if error is not None and not envelope.has_rows(envelope.rows_path) and not _has_table(envelope):
        raise error
    found = envelope.table
    if found is not None:
        seen = Envelope(envelope.response, found.path)
        style = _shown_by(seen)[0] if isinstance(style, Auto) else style
        choice = Choice(found.path, found.assumed)
    else:
        style, choice = _shown_by(envelope) if isinstance(style, Auto) else (style, _choice(envelope, style))
        found = unnamed_table(envelope.response, choice.path)
        if found is not None:
            choice = Choice(choice.path, " ".join(filter(None, [choice.assumed, found.assumed])) or None)
    if envelope.named is not None and found is None:
        rows_at(envelope.response, envelope.named)  # else it is misspelled; a later response may leave the rows out
    members = envelope.members
    is_array = envelope.response.document.is_list
    if found is not None:
        columns = tuple(column.name for column in found.table.columns)
        return Layout(style, choice.path, is_array, members, columns, choice.assumed, found.table)
    columns = tuple(selected_columns(envelope.response.url, envelope.value("@odata.context")))
    return Layout(style, choice.path, is_array, members, columns, choice.assumed)


def detect_file(envelope: Envelope, style: Style) -> Style | None:
    """Return how an API pages whose answers are files, by the headers of the first one; None if it is one file.

    Args:
        envelope: the first response's, without what is in its body.
        style: how the API pages, as the caller says.
    """
    if isinstance(style, Auto):
        return _style(envelope, _OF_ARRAYS)
    return None if isinstance(style, OnePage) else style


def resumed(envelope: Envelope, style: Style, records: str | None) -> Layout:
    """Read the response with which a load goes on that broke off.

    Args:
        envelope: the response's.
        style: how the API pages, as the first response of all showed.
        records: the path of the rows, likewise.

    Raises:
        CannotResume: its rows are arrays, whose columns only the first response named.
    """
    members = None if envelope.named is not None else envelope.members | {*NEXT, *COUNT}
    is_array, found = envelope.response.document.is_list, envelope.table
    if found is not None and not found.is_headed:
        return Layout(style, records, is_array, members, table=found.table)
    rows = None if records is None else rows_node(envelope.response, records)
    if rows is not None and rows.holds_lists:
        raise CannotResume
    return Layout(style, records, is_array, members)


def rows_in(envelope: Envelope, layout: Layout) -> Rows:
    """Return the rows of any response.

    Raises:
        ApiError: it has none, and is an error.
        FormatError: it has none where the first response had them, and is no page without rows.
    """
    if not envelope.response.document.is_list and not envelope.is_list(layout.records):
        error = failed(envelope, layout)
        if error is not None:
            raise error
    if layout.table is not None and layout.records is not None:
        found = envelope.table or unnamed_table(envelope.response, layout.records)
        rows = table_rows(envelope.response, found, layout.records, layout.table)
        if rows is not None:
            return rows
    if layout.records is None:
        return rows_of(envelope.response.document)
    is_named_array = envelope.named is not None and envelope.response.document.is_list
    return rows_at(envelope.response, layout.records, known=None if is_named_array else layout.members)


def failed(envelope: Envelope, layout: Layout) -> ApiError | None:
    """Return the error that any response is, though it may have rows."""
    return failure_of(envelope, layout.records, may_be_row=layout.records is None and not layout.is_array)


def total_in(envelope: Envelope, style: Style) -> int | None:
    """Return how many rows there are in all, where any response says: where the style knows it, or as OData does."""
    if style.total_path is not None:
        if style.total_path.startswith(HEADER):
            return number_at(envelope.response, style.total_path)
        total = envelope.value(style.total_path)
        return total if type(total) is int else None
    if not envelope.is_odata:
        return None
    counts = (envelope.value(name) for name in COUNT)
    return next((count for count in counts if type(count) is int), None)


def check_end(envelope: Envelope, layout: Layout, *, is_first: bool) -> None:
    """Check that a response after which no page comes does not say that there is more.

    Of later responses only what says so in so many words is looked at: a cursor may always be there.

    Raises:
        PaginationError: it does.
    """
    style = layout.style
    if style.is_callers_word:
        return
    more = envelope.said(layout.records).any_more
    asks_more = is_first and not style.knows_its_end
    if more is None and asks_more and (not style.next_path or envelope.nested(style.next_path) is MISSING):
        more = _more(envelope, layout.records)
        if more is None:
            _check_headers(envelope, layout)
    if more is not None:
        shown_url = redact_url(envelope.response.url)
        raise PaginationError(
            f"{shown_url}: the answer says {more}, but not how the next page is asked for.",
            url=shown_url,
            next_step=how_to_go_on(envelope, layout.records),
        )
    if is_first and not envelope.said(layout.records).is_end:
        check_counts(envelope.response, rows_in(envelope, layout))


def _check_headers(envelope: Envelope, layout: Layout) -> None:
    """Check that no header says what comes next, where the caller named another style.

    Raises:
        PaginationError: one does.
    """
    style = _style(envelope, _OF_ARRAYS)
    if style is None or style == layout.style:
        return
    if style.paginator().next_request(envelope.response, rows_in(envelope, layout)) is not None:
        shown_url, header = redact_url(envelope.response.url), getattr(style, "header", None) or "Link"
        raise PaginationError(
            f"{shown_url}: the answer says in a header that there is more ({header}), and another paging was named.",
            url=shown_url,
            next_step='Leave paging out: what the header says is followed then. For this page alone: paging="none".',
        )


def _has_table(envelope: Envelope) -> bool:
    with suppress(FormatError, PaginationError):
        return envelope.table is not None and not envelope.table.rows.is_empty
    return False


def _shown_by(envelope: Envelope) -> tuple[Style, Choice]:
    """Return the style that a response shows, and where its rows are."""
    is_object = envelope.response.document.is_object
    style = _style(envelope, Sign if is_object else _OF_ARRAYS)
    if not is_object or envelope.named is not None or envelope.form is not None:
        return style or Auto(), Choice(envelope.rows_path if is_object else envelope.named)
    more = _more(envelope, envelope.rows_path)
    is_linked = isinstance(style, (NextUrl, Auto))
    is_page = (style is not None or more is not None) and not is_linked
    is_page = is_page or header_counts(envelope.response, envelope.header_names).total is not None
    choice = choose(envelope.place, envelope.response.url, is_page=is_page, is_linked=is_linked)
    if choice.path is not None:
        return style or Auto(), choice
    if _has_none(envelope, style or Auto(), more):
        return style or Auto(), Choice(_LEFT_OUT)
    if more is not None and not envelope.place.has_id and (is_page or envelope.place.others):
        raise _untold(envelope, more)
    is_alone = isinstance(style, Auto) or (envelope.place.has_id and envelope.link is not None)
    return (OnePage() if is_alone else Auto()), choice  # a row's link leads to another row


def _choice(envelope: Envelope, style: Style) -> Choice:
    """Return where the rows of a first response are, where the caller named the style."""
    members = envelope.response.document.members()
    own = style.rows_member
    if envelope.form is not None or envelope.named is not None:
        return Choice(envelope.rows_path)
    if own is not None and own in members and members[own].is_list:
        return Choice(own)
    choice = choose(envelope.place, envelope.response.url, is_page=style.responses_are_pages, is_linked=False)
    if choice.path is None and style.responses_are_pages and _has_none(envelope, style, None):
        return Choice(_LEFT_OUT)
    if choice.assumed and choice.path is None and style.responses_are_pages:
        raise _untold(envelope, "nothing of its rows")
    return choice


def _has_none(envelope: Envelope, style: Style, more: str | None) -> bool:
    """Tell whether a response without a list says that there are no rows, as HAL and Google's APIs do.

    Raises:
        PaginationError: it says that there is more: nobody can tell where those rows are.
    """
    place = envelope.place
    is_none = isinstance(style, PageNumber) and style.pages is not None and envelope.number(style.pages) == 0
    if is_none or not place.is_bare or place.has_id:
        return is_none
    if style.paginator().next_request(envelope.response, Rows.none()) is not None:
        raise _untold(envelope, more or style.next_path or "that there is more")
    return place.is_none


def _untold(envelope: Envelope, said: str) -> PaginationError:
    """Make the error of a response with several lists, or none, of which it cannot be told what comes in pages."""
    names = envelope.place.others
    shown_url = redact_url(envelope.response.url)
    which = f"has several lists: {', '.join(names)}" if names else "has no list"
    return PaginationError(
        f"{shown_url}: the answer says {said}, and {which}.",
        url=shown_url,
        next_step=f'Say where the rows are, as in records="{(names or ("data.items",))[0]}".',
    )


def _style(envelope: Envelope, signs: Iterable[Sign]) -> Style | None:
    """Return the style that is shown by the first of the signs."""
    shown = (style.shown_by(envelope, sign) for sign in signs for style in STYLES.values())
    return next((style for style in shown if style is not None), None)


def _more(envelope: Envelope, rows_path: str | None) -> str | None:
    """Return what says that there is more: the path of a member."""
    said = envelope.said(rows_path).any_more
    style = None if said is not None else _style(envelope, _OF_MORE)
    if style is not None:
        return style.next_path or "that there is more"
    return said or text_of_next(envelope, rows_path)
