"""A Parquet file by its last bytes, where its index is: they come first, and tell what an API says of the file, too."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nbauth.data.fetch.byte_ranges import (
    Ranges,
    copied,
    facts_of,
    is_coded,
    open_at_any_place,
    requester_of,
    start_of,
)
from nbauth.data.fetch.http_errors import check_there
from nbauth.data.fetch.validators import content_range_of, version_of
from nbauth.errors import ApiError

if TYPE_CHECKING:
    from requests import Response

    from nbauth.data.fetch.byte_ranges import TempCopy
    from nbauth.data.fetch.requester import Requester
    from nbauth.data.fetch.session import Session

__all__ = ["looks_like_parquet", "open_by_its_end", "open_parquet"]

_LAST = 128 * 1024
_NAMES = (".parquet", ".parq", ".pq")
_PARTIAL = 206
# What servers answer that know no ranges from the end, and those that have no bytes.
_NO_END = frozenset({400, 416, 501})


def looks_like_parquet(url: str) -> bool:
    """Tell whether a URL's path names a Parquet file."""
    return urlsplit(url).path.lower().endswith(_NAMES)


def open_by_its_end(requester: Requester) -> Ranges | Response | None:
    """Ask for a file's last bytes.

    Returns:
        What reads parts of it, with its last bytes; or the response with all of it, where that came; or None where the
        server has to be asked in another way. Errors are those of `open_parquet`.
    """
    request = requester.first
    try:
        response = requester.send(request, headers={"Range": f"bytes=-{_LAST}"})
    except ApiError as error:
        if error.status not in _NO_END:
            raise
        return None
    if response.status_code != _PARTIAL:
        return response
    part, version = content_range_of(response), version_of(response)
    if (
        version is None
        or part is None
        or part.start is None
        or part.size is None
        or part.stop != part.size
        or is_coded(response)
    ):
        response.close()
        return None
    with requester.body(request, response, start=part.start, stop=part.size) as body:
        last = start_of(body, part.size - part.start)
    return Ranges(requester, version, facts_of(response, part.size), first=last, first_at=part.start)


def open_parquet(session: Session, url: str) -> Ranges | TempCopy:
    """Open a Parquet file for reading at any place: as `open_at_any_place`, but with its last bytes first.

    Raises:
        SignInRequired: a person has to sign in first; nothing was sent.
        OriginNotAllowed: no profile names the URL's origin.
        ApiError: the API answered with an error.
        DataError: the API could not be reached, or broke off.
    """
    requester = requester_of(session, url)
    opened = open_by_its_end(requester)
    if opened is None:
        return open_at_any_place(session, url)
    if isinstance(opened, Ranges):
        return opened
    check_there(opened)
    version = None if is_coded(opened) else version_of(opened)
    if version is None or version.size is None:
        return copied(requester, requester.first, opened)
    opened.close()  # it has ranges, but none from the end
    return Ranges(requester, version, facts_of(opened, version.size))
