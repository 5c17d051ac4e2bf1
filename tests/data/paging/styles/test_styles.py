"""The registry of the styles of paging."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from loads import read, write
from loopback_api import Reply, as_json

from nbauth.data.paging import Cursor, NextUrl, Offset, PageNumber
from nbauth.data.paging.request_params import get_int, set_in_query
from nbauth.data.paging.styles import STYLES, style_from_json, style_of, style_to_json
from nbauth.data.paging.styles.style import Sign, StatelessStyle
from nbauth.errors import ApiError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

ROWS = [{"id": number} for number in range(7)]


class UntilEmpty(StatelessStyle):
    """The header X-Total-Count shows that there are pages; an empty one is the end."""

    @classmethod
    def shown_by(cls, envelope: Any, sign: Sign) -> Any:
        """Be shown by the header."""
        return cls() if sign is Sign.HEADER and "X-Total-Count" in envelope.response.headers else None

    def next_request(self, response: Any, rows: Any) -> Any:
        """Return the request for the page with the next number."""
        number = get_int(response.url, "page") or 1
        url = set_in_query(response.request.url, {"page": number + 1})
        return replace(response.request, url=url) if rows.count() else None


@pytest.mark.parametrize("name", ["", "sql", 7, NextUrl])
def test_no_style(name: Any) -> None:
    """What is no style is an error that lists the styles."""
    with pytest.raises(ConfigError, match="auto, none, odata, link, next, cursor, offset, page"):
        style_of(name if name is not NextUrl else [])


@pytest.mark.parametrize(
    "style",
    [Cursor(send="cookie"), Offset(send="header"), Offset(size=0), PageNumber(first=-1), Offset(start="1")],  # type: ignore[arg-type]
)
def test_wrong_parameters(style: Any) -> None:
    """A wrong parameter of a style is an error."""
    with pytest.raises(ConfigError, match="expected"):
        style_of(style)


@pytest.fixture
def counted(api: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """Register the style above, and serve an API that is paged by it."""
    monkeypatch.setitem(STYLES, "until_empty", UntilEmpty)

    def answer(seen: Seen) -> Reply:
        start = (int(parse_qs(urlsplit(seen.path).query).get("page", ["1"])[0]) - 1) * 3
        return as_json(ROWS[start : start + 3], headers={"X-Total-Count": str(len(ROWS))})

    api.routes["/x"] = answer
    return f"{api.origin}/x"


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("paging", ["auto", "until_empty", UntilEmpty()])
def test_a_new_style(session: Session, api: Server, counted: str, paging: Any) -> None:
    """A class and a line in the registry are a style: it is found by its sign, and by its name."""
    assert read(session, counted, paging=paging).to_dict("records") == ROWS
    assert [seen.path for seen in api.seen] == ["/x", "/x?page=2", "/x?page=3", "/x?page=4"]


def test_a_new_style_resumes(session: Session, api: Server, counted: str, tmp_path: Path) -> None:
    """A checkpoint holds a registered style, and the load goes on by it."""
    whole = api.routes["/x"]
    api.routes["/x"] = lambda seen: Reply(b"no", 500) if "page=3" in seen.path else whole(seen)  # type: ignore[operator]
    with pytest.raises(ApiError):
        write(session, counted, tmp_path / "d.parquet")
    api.seen.clear()
    api.routes["/x"] = whole
    write(session, counted, tmp_path / "d.parquet")
    assert [seen.path for seen in api.seen] == ["/x?page=3", "/x?page=4"]


def test_not_registered(session: Session) -> None:
    """A class that is not in the registry is no style."""
    with pytest.raises(ConfigError, match="expected one of auto, none"):
        read(session, "https://api.example/x", paging=UntilEmpty())


@pytest.mark.parametrize(
    "style",
    [*(kind() for kind in STYLES.values()), Cursor(header="x", send="body"), Offset(size=5), PageNumber(pages="a.b")],
)
def test_json(style: Any) -> None:
    """A style goes through JSON under its name in the registry, with its parameters."""
    content = json.loads(json.dumps(style_to_json(style)))
    assert content["name"] in STYLES
    assert style_from_json(content) == style


def test_function_as_json() -> None:
    """JSON cannot hold a function: the caller gives it again."""
    assert style_to_json(style_of(lambda answer: None)) is None
    assert style_from_json(None) is None


@pytest.mark.parametrize("name", STYLES)
def test_a_style_is_a_value(name: str) -> None:
    """A name always means the same parameters, and nobody can change them."""
    style = style_of(name)  # type: ignore[arg-type]
    assert style == style_of(name)  # type: ignore[arg-type]
    for field in fields(style):
        with pytest.raises(FrozenInstanceError):
            setattr(style, field.name, None)
