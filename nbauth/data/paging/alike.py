"""Answers that say the same as the one before, but for their rows and for the address of the next page.

Most answers of a load are so. What such an answer says around its rows need not be found out again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbauth.data.paging.job import job_in
from nbauth.data.paging.next_members import is_next
from nbauth.data.paging.page_response import PageResponse, Rows
from nbauth.data.paging.places import plain
from nbauth.data.parse.lazy_json import PlainNode, RawNode, around_the_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import Response

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.styles.style import Style
    from nbauth.data.parse.lazy_json import Node

__all__ = ["Alike", "alike"]

_OK = 200
_ADDRESS = re.compile(rb'"(?:https?:/|[/?])[!#-Z^-z|~]*"')  # no quote, backslash, bracket, brace or blank
_OF_ERRORS = ("error", "errors")  # a row that begins so may say that the answer is an error
_NOTHING = PlainNode(None)


@dataclass(frozen=True)
class Alike:
    """What the answers have in common.

    Attributes:
        before: what stands in front of the next page's address, with an empty array in place of the rows.
        after: what stands behind it, likewise.
        members: the answer's members, without what differs.
        link: the name of the one that holds the address.
        records: the name of the one that holds the rows.
        content_type: the ``Content-Type``.
        total_rows: how many rows there are in all, where the answers say it.
    """

    before: bytes
    after: bytes
    members: Mapping[str, Node]
    link: str
    records: str
    content_type: str | None
    total_rows: int | None

    def response(self, request: PageRequest, response: Response, content: bytes) -> PageResponse | None:
        """Return an answer that is so, and None for another one.

        Args:
            request: what it answers.
            response: the answer.
            content: its body, as JSON.
        """
        is_plain = _is_plain(request, response.url, response.status_code)
        is_same = is_plain and response.headers.get("Content-Type") == self.content_type
        parts = around_the_array(content) if is_same else None
        if parts is None:
            return None
        around, array = parts
        end = len(around) - len(self.after)
        is_same = len(self.before) <= end and around.startswith(self.before) and around.endswith(self.after)
        address = around[len(self.before) : end]
        if not is_same or _ADDRESS.fullmatch(address) is None:
            return None
        rows = RawNode(array)
        if not _are_usual(rows):
            return None
        link = PlainNode(address[1:-1].decode("ascii"))
        document = RawNode(content, {**self.members, self.link: link, self.records: rows})
        return PageResponse(response.url, response.status_code, response.headers, document, request)

    def rows(self, response: PageResponse) -> Rows:
        """Return the rows of such an answer."""
        return Rows(response.document.members()[self.records])


def alike(
    envelope: Envelope, content: bytes, rows: Rows, style: Style, records: str | None, *, total_rows: int | None
) -> Alike | None:
    """Return what further answers may have in common with one; None where they have to be looked at one by one.

    Args:
        envelope: the answer's, which is good and names the next page.
        content: its body, as JSON.
        rows: its rows.
        style: how the API pages.
        records: the path of the rows.
        total_rows: how many rows there are in all, where it says so.
    """
    response = envelope.response
    document, link, content_type = response.document, style.link_member(response), response.headers.get("Content-Type")
    if link is None or records is None or rows.is_single:
        return None
    if not _is_plain(response.request, response.url, response.status):
        return None
    # `content` as it came: of what was taken off around it, nothing stands in the document.
    parts = around_the_array(content) if isinstance(document, RawNode) and document.raw.obj is content else None
    members = document.members()
    node = members.get(link)
    if parts is None or members.get(records) is not rows.node or not isinstance(node, RawNode):
        return None
    around, array = parts
    address = bytes(node.raw)
    if rows.node.size != len(array) or around.count(address) != 1 or _ADDRESS.fullmatch(address) is None:
        return None
    if not is_next(plain(link)) or not _are_usual(rows.node) or job_in(document, is_accepted=False) is not None:
        return None
    before, _, after = around.partition(address)
    same = {**members, link: _NOTHING, records: _NOTHING}
    return Alike(before, after, same, link, records, content_type, total_rows)


def _is_plain(request: PageRequest, url: str, status: int) -> bool:
    """Tell whether an answer comes from where it was asked for, and no status says anything of it."""
    return status == _OK and url == request.url


def _are_usual(rows: Node) -> bool:
    return rows.holds_objects and not rows.may_begin_with(_OF_ERRORS)
