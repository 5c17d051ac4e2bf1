"""The `Link` header."""

from __future__ import annotations

from nbauth.data.paging.link_header import next_link


def test_many_links() -> None:
    """The next link is found behind very many others."""
    others = '<https://api.example/other>; rel="other", ' * 100_000
    assert next_link(f'{others}<https://api.example/2>; rel="next"', "https://api.example/1") == "https://api.example/2"
