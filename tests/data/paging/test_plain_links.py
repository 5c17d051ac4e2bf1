"""A next link that is whole and plain is the address as it stands, which all that mends others would say, too."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from page_responses import page_response

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging import guards, next_address
from nbauth.errors import PaginationError

NEVER = re.compile(r"(?!)")


def _address(link: str, here: str) -> str:
    try:
        return next_address.next_address(link, page_response({}, here, request=PageRequest(here)), "next")
    except PaginationError as error:
        return f"an error: {error}"


_ENDS = st.text("abz09_!$&'()*+,-./:;=?@~%# []\\^`|{}\"\n\tü", max_size=8)
_HOSTS = st.sampled_from(["https://api.example", "http://api.example", "HTTP://API.example", "https://api.example:1"])
_LINKS = st.builds(lambda host, middle, end: f"{host}{middle}{end}", _HOSTS, st.sampled_from(["", "/", "/a/b?"]), _ENDS)
_PLACES = st.builds(
    lambda host, query: f"{host}/v1{query}", _HOSTS, st.sampled_from(["", "?api-version=1", "?a=1&apikey=k%2B"])
)


@given(link=_LINKS | _ENDS, here=_PLACES)
@example("https://api.example/a;?b", "https://api.example/v1")
@example("https://api.example/a?", "https://api.example/v1")
@example("https://api.example//a/../b/.?c=?/..", "https://api.example/v1")
@example("http://api.example/a", "https://api.example/v1")
@example("http://api.example:443/a", "HTTPS://api.example/v1")
@example("https://api.example:99999999/a", "https://api.example/v1?api-version=1")
def test_plain_links(link: str, here: str) -> None:
    """The address is the same whether plain links are known as such or not."""
    quick = _address(link, here)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(next_address, "_WHOLE", NEVER)
        patch.setattr(guards, "_AS_SENT", NEVER)
        assert _address(link, here) == quick


@given(_LINKS | _ENDS | st.text(max_size=9))
def test_the_form_in_which_a_url_is_sent(url: str) -> None:
    """A URL that needs no escape is itself."""
    quick, slow = [], []
    for found, pattern in ((quick, guards._AS_SENT), (slow, NEVER)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(guards, "_AS_SENT", pattern)
            try:
                found.append(guards.canonical(url))
            except ValueError as error:
                found.append(str(error))
    assert quick == slow


def test_that_plain_links_are_known() -> None:
    """The links of most services are."""
    for link in ("https://api.example/v1/items?$skiptoken=a-b_c&page=2", "http://localhost:8000/x/y?page=2"):
        assert next_address._WHOLE.fullmatch(link)
        assert guards._AS_SENT.fullmatch(link)
        assert urlsplit(link).geturl() == link
