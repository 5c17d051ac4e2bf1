"""What a caller can say, where an answer says that there is more and not how it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.data.paging.next_members import addresses, cursors
from nbauth.data.paging.relay import how_to_page
from nbauth.data.paging.styles.next import is_address

if TYPE_CHECKING:
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.totals import Total

__all__ = ["how_to_go_on"]

_STYLES = "nbauth.data.paging"
_ONE_PAGE = 'If these rows are all that you want, say paging="none".'


def how_to_go_on(envelope: Envelope, rows_path: str | None, total: Total | None = None) -> str:
    """Return the argument that reads the other pages, as far as the response tells, and the one that leaves them."""
    request = envelope.response.request
    query = how_to_page(request)
    if query is not None:
        return f"{query} {_ONE_PAGE}"
    around = envelope.places_around(rows_path)
    texts = {path: envelope.value(path) for path in addresses(around) if isinstance(envelope.value(path), str)}
    address = next((path for path, text in texts.items() if is_address(text)), None)
    cursor = next(
        (path for path in cursors(around) if isinstance(envelope.value(path), (str, int))), next(iter(texts), None)
    )
    send = ', send="body"' if request.body is not None else ""
    if address is not None:
        how = f'NextUrl(path="{address}")'
    elif cursor is not None:
        name = cursor.rpartition(".")[2]
        how = f'Cursor(parameter="{name}", path="{cursor}"{send})'
    elif envelope.is_odata:
        how = 'Offset(offset="$skip", limit="$top", total="@odata.count")'
    else:
        is_elastic = total is not None and total.path.startswith("hits.")
        offset, limit = ("from", "size") if is_elastic else ("offset", "limit")
        known = f', total="{total.path}"' if total is not None else ""
        how = f'Offset(offset="{offset}", limit="{limit}"{known}{send})'
    return f"Say how the next page is asked for, as in paging={_STYLES}.{how}, with the API's own names. {_ONE_PAGE}"
