"""The request that follows a next link: posted again to the same path, a GET anywhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from nbauth.data.paging.next_address import next_address
from nbauth.data.paging.places import plain

if TYPE_CHECKING:
    from typing import Any

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.page_response import PageResponse

__all__ = ["followed"]


def followed(link: str, response: PageResponse, path: str = "") -> PageRequest:
    """Return the request that a next link means.

    A link to the path that a document was posted to, with another query, takes the document again, as Azure's Cost
    Management and SharePoint want it. One to another path is a resource of its own, which a GET brings: a chunk of
    Databricks' result, a page of FHIR's search.

    Args:
        link: the link as the service wrote it.
        response: the response that has it.
        path: where it stands in the body; empty for a header.

    Raises:
        PaginationError: it is no URL.
    """
    request, url = response.request, next_address(link, response, path)
    if request.body is None:
        return replace(request, url=url)
    if _path(url) not in (_path(request.url), _path(response.url)):
        return replace(request, url=url, body=None, method=None)
    return replace(request, url=url, body=_body(response))


def _path(url: str) -> str:
    return unquote(urlsplit(url).path).rstrip("/")


def _body(response: PageResponse) -> Any:
    """Return the document to post again, unless the response names another, as Azure AI Search does.

    See https://learn.microsoft.com/rest/api/searchservice/documents/search-post
    """
    members = response.document.members()
    named = next((name for name in members if plain(name) == "nextpageparameters"), None)
    body = None if named is None else members[named].value()
    return body if isinstance(body, dict) else response.request.body
