"""Elasticsearch's and OpenSearch's pages: each begins behind the last row of the page before.

See https://www.elastic.co/docs/reference/elasticsearch/rest-apis/paginate-search-results
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from nbauth.data.paging.request_params import in_body, set_in_body
from nbauth.data.paging.styles.style import Sign, StatelessStyle
from nbauth.errors import PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from typing import Self

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page_response import PageResponse, Rows
    from nbauth.data.parse.lazy_json import Node

__all__ = ["SearchAfter"]


@dataclass(frozen=True, kw_only=True)
class SearchAfter(StatelessStyle):
    """The next request's ``search_after`` is the ``sort`` of the last hit; the request says how rows are sorted.

    It goes on until a page has fewer rows than the request's ``size``, or none.
    """

    knows_its_end: ClassVar[bool] = True
    checks_total: ClassVar[bool] = False  # the total is that of all matches, wherever the request begins

    @classmethod
    def shown_by(cls, envelope: Envelope, sign: Sign) -> Self | None:
        """Return it for sorted hits, whose request asks for them sorted."""
        body: Any = envelope.response.request.body
        path = envelope.rows_path
        if sign is not Sign.CURSOR or not isinstance(body, dict) or not body.get("sort") or path is None:
            return None
        rows = envelope.node(path) if path.rpartition(".")[2] == "hits" else None
        return cls() if rows is not None and rows.is_list and _sort(rows) is not None else None

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request for the rows behind the last one."""
        request = response.request
        if rows.is_empty or rows.count() < (in_body(request.body, "size") or 0):
            return None
        after = _sort(rows.node)
        if after is None:
            shown_url = redact_url(response.url)
            raise PaginationError(
                f"{shown_url}: the last row has no sort values, by which the next page is asked for.",
                url=shown_url,
                next_step='Let the request say how rows are sorted, as in json={"sort": [{"@timestamp": "asc"}], …}.',
            )
        return replace(request, body=set_in_body(request.body, {"search_after": after}))


STYLE = SearchAfter


def _sort(rows: Node) -> Any:
    """Return the sort values of the last row, or None."""
    items = rows.items()
    sort = items[-1].members().get("sort") if items else None
    return sort.value() if sort is not None and sort.is_list else None
