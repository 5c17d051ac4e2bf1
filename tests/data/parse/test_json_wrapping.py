from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from loads import read
from loopback_api import Reply

from nbauth.data.parse.json_wrapping import begins_json, unwrapped
from nbauth.errors import FormatError

if TYPE_CHECKING:
    from loopback_api import Server

    from nbauth.data.fetch.session import Session

ROWS = [{"id": 1, "name": "Müller {x} [y] );"}, {"id": 2, "name": "b"}]
TEXT = json.dumps(ROWS, ensure_ascii=False)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (")]}'\n", ""),  # Gerrit: https://gerrit-review.googlesource.com/Documentation/rest-api.html#output
        (")]}',\n", "\n"),  # Google's
        (")]}'", ""),
        ("while(1);", ""),
        ("while (true);", ""),
        ("for(;;);", ""),  # Facebook's
        ("for (;;);\n", ""),
        ("throw 1; ", ""),
        ("throw 'no script';\n", ""),
        ("{}&& ", ""),  # Dojo's
        ("{} && ", ""),
        ("&&&START&&&", ""),
        ("callback(", ")"),
        ("a.b.$c(", ");"),
        # https://developers.google.com/chart/interactive/docs/dev/implementing_data_source#jsondatatable
        ("/*O_o*/\ngoogle.visualization.Query.setResponse(", ");\n"),
        # https://expressjs.com/en/api.html#res.jsonp
        ("/**/ typeof callback === 'function' && callback(", ");"),
        ("\ufeff", ""),
        ("\ufeff)]}'\n", ""),
        ("\r\n\t ", " \n"),
    ],
)
@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/javascript", "application/x-ndjson", None]
)
def test_what_stands_around(session: Session, api: Server, before: str, after: str, content_type: str | None) -> None:
    """What keeps scripts of other sites from JSON, and a call around it, are taken off."""
    api.routes["/x"] = Reply((before + TEXT + after).encode(), content_type=content_type)
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("codec", "content_type", "encoding"),
    [
        ("iso-8859-1", "application/json; charset=ISO-8859-1", None),
        ("cp1252", 'application/json; charset="windows-1252"', None),
        ("utf-8", "application/json; charset=ISO-8859-1", None),  # as many servers say, of JSON in UTF-8
        ("utf-8", "application/json; charset=nonsense", None),
        ("utf-8", "application/json; charset=utf8mb4", None),
        ("utf-8-sig", "application/json; charset=utf-8", None),
        ("utf-16", "application/json; charset=utf-16", None),
        ("utf-16", "application/json; charset=iso-8859-1", None),
        ("utf-16-be", "application/json; charset=utf-16be", None),
        ("utf-32", "application/json", None),
        ("cp1252", "application/json", "cp1252"),
        ("koi8-r", "application/json; charset=utf-8", "koi8-r"),
        ("utf-16-le", "application/json", "utf-16-le"),
    ],
)
def test_character_sets(session: Session, api: Server, codec: str, content_type: str, encoding: str | None) -> None:
    """JSON is read as Unicode, else as the header says; the caller's word counts before both."""
    rows = [{"name": "Мюллер" if codec == "koi8-r" else "Müller"}, {"name": "b"}]
    body = json.dumps(rows, ensure_ascii=False).encode(codec)
    api.routes["/x"] = Reply(body, content_type=content_type)
    assert read(session, f"{api.origin}/x", encoding=encoding).to_dict("records") == rows


@pytest.mark.usefixtures("engine")
def test_a_character_set_that_it_is_not_in(session: Session, api: Server) -> None:
    """JSON that is not in the character set that the caller names is an error."""
    api.routes["/x"] = Reply('["Ü"]'.encode("latin-1"))
    with pytest.raises(FormatError, match="not in utf-8"):
        read(session, f"{api.origin}/x", encoding="utf-8")


@pytest.mark.parametrize("content", [b'{"a": 1}', b"[1]", b'"x"', b"", b"id,name\n", b"f(x)", b"while we wait;", b"{}"])
def test_what_stands_alone(content: bytes) -> None:
    """What has nothing around it stays as it is, whatever it is."""
    assert unwrapped(content) is content


@pytest.mark.parametrize(
    ("start", "may_be", "is_sure"),
    [
        (b'{"a": 1}', True, True),
        (b'{"a', True, False),
        (b"{", True, True),
        (b"{}", True, True),
        (b"[]", True, True),
        (b"[1, 2]", True, False),
        (b'["a", "b"]', True, False),
        (b'[{"a"', True, True),
        (b"[[1, 2], ", True, True),
        (b"[null, 1]", True, False),
        (b"{guid},name", False, False),
        (b"[id],[name]", False, False),
        (b"[2024-01-01 10:00] started", False, False),
        (b"[INFO] started", False, False),
        (b"id,name", False, False),
    ],
)
def test_how_json_begins(start: bytes, may_be: Any, is_sure: Any) -> None:
    """Some beginnings are JSON's alone, and some could be a table's, too."""
    assert (begins_json(start), begins_json(start, is_sure=True)) == (may_be, is_sure)
