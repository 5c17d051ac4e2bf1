from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from nbauth import api
from nbauth.data.query import Query, check_one_url
from nbauth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "https://api.example.com/rows"


def _options(function: Callable[..., Any]) -> dict[str, Any]:
    return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}


@pytest.mark.parametrize(("function", "own"), [(api.read, {"profile", "to"}), (api.pages, {"profile", "as_"})])
def test_the_public_functions_take_what_a_query_has(function: Callable[..., Any], own: set[str]) -> None:
    """`read` and `pages` have the query's arguments, in its order and with its defaults, and few of their own."""
    expected = _options(Query)
    found = {name: default for name, default in _options(function).items() if name not in own}
    assert list(found.items()) == list(expected.items())
    assert own < set(_options(function))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": []}, "url: expected a URL or a list of URLs, found an empty list"),
        ({"url": None}, "url: expected a URL or a list of URLs, found NoneType"),
        ({"url": [URL, 7]}, "url: expected a string, found int"),
        ({"url": "api.example.com/rows?sig=hush"}, r"'api.example.com/rows\?sig=…' is no URL"),
        ({"params": [("a", 1)]}, "params: expected names and values"),
        ({"headers": "Accept"}, "headers: expected names and values"),
        ({"records": 7}, "records: expected a path such as"),
        ({"paging": "pages"}, "paging: expected one of auto, none, odata"),
        ({"nested": "flat"}, "nested: expected one of object, json, flatten"),
        ({"dtype_backend": "polars"}, "dtype_backend: expected 'pyarrow' or None"),
        ({"concurrency": 11}, "concurrency: expected an integer from 1 to 10, found 11"),
        ({"concurrency": True}, "concurrency: expected an integer from 1 to 10, found True"),
        ({"max_bytes": 0}, "max_bytes: expected a positive integer, found 0"),
    ],
)
def test_a_wrong_argument(options: dict[str, Any], message: str) -> None:
    """Each argument is checked when the query is made, before anything is sent."""
    with pytest.raises(ConfigError, match=message):
        Query(**{"url": URL, **options})


def test_each_url_has_its_request() -> None:
    """The requests of several URLs are alike; what is written for other tools, ``nbauth+https``, is meant as https."""
    assert Query(f"nbauth{URL.removeprefix('https')}").urls == (URL,)
    query = Query([URL, f"nbauth+{URL}/2"], params={"top": 80}, headers={"X-Tenant": "1"}, json={"a": 1}, max_bytes=9)
    assert query.urls == (URL, f"{URL}/2")
    assert [request.url for request in query.requests] == [URL, f"{URL}/2"]
    for request in query.requests:
        assert (request.params, request.headers, request.json) == ({"top": 80}, {"X-Tenant": "1"}, {"a": 1})
        assert (request.retry_post, request.max_bytes, request.method) == (False, 9, "POST")


def test_a_changed_copy_is_checked() -> None:
    """What is replaced in a query is checked as what it was made of, and the rest stays."""
    query = Query(URL, nested="flatten", concurrency=3)
    assert replace(query, dtype_backend=None, nested="json") == Query(URL, nested="json", concurrency=3)
    with pytest.raises(ConfigError, match="concurrency"):
        replace(query, concurrency=0)


@pytest.mark.parametrize("urls", [[URL], (URL, URL), None])
def test_one_url_alone(urls: Any) -> None:
    """A function that takes one URL says so where it is given something else."""
    assert check_one_url(f"nbauth+{URL}", "open") == URL
    with pytest.raises(ConfigError, match="open takes one URL; read takes several"):
        check_one_url(urls, "open")
