"""The `Link` header."""

from __future__ import annotations

import pytest
from page_responses import URL

from nbauth.data.paging.link_header import next_link


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('</b>; rel="next"', "/b"),
        ("</b>; rel=next", "/b"),
        ('</a>; rel="prev", </b>; rel="next"', "/b"),
        ('</a?x=1,2>; rel="prev"; title="a, \\"b\\"; rel=next", </b>; REL="NEXT"', "/b"),
        ('</b>; title="<c>"; rel="last next"', "/b"),
        ("</b>;rel=next,</c>;rel=next", "/b"),
        ('</b> ; rel = "next"', "/b"),
        ('</b>; rel="prev"; rel="next"', None),
        ('</b>; rel="nextish"', None),
        ('</b>; rel="next"; anchor="https://api.example/other"', None),
        (f'</b>; rel="next"; anchor="{URL}"', "/b"),
        ('<>; rel="next"', None),
        ("nonsense", None),
        ('</a>; rel="unterminated, </b>; rel=next', "/b"),
        ('</b>; rel="next"; results="false"; cursor="0:100:0"', None),
        ('</a>; rel="previous"; results="false", </b>; rel="next"; results="true"', "/b"),
        ("", None),
        ("</b", None),
    ],
)
def test_next_relation(header: str, expected: str | None) -> None:
    """The next relation is found as RFC 8288 writes it."""
    assert next_link(header, URL) == expected


def test_many_links() -> None:
    """The next link is found behind very many others."""
    others = '<https://api.example/other>; rel="other", ' * 100_000
    assert next_link(f'{others}<https://api.example/2>; rel="next"', "https://api.example/1") == "https://api.example/2"
