from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING

import pytest
from loads import read
from loopback_api import Reply, redirect

from nbauth.data.fetch.charsets import charset_of, codec_named, safe_charset
from nbauth.errors import ApiError, FormatError

if TYPE_CHECKING:
    from loopback_api import Server

    from nbauth.data.fetch.session import Session

PEOPLE_USE = (
    *("utf-8", "UTF8", "utf-8-sig", "utf-16", "utf-16le", "utf_32_be", "us-ascii", "latin1", "iso-8859-1"),
    *("ISO-8859-15", "iso-8859-2", "windows-1252", "cp1251", "windows-1250", "cp437", "cp850", "ibm852", "macintosh"),
    *("shift_jis", "SJIS", "ms932", "windows-31j", "euc-jp", "gbk", "gb2312", "gb18030", "big5", "euc-kr", "ks_c_5601"),
    *("koi8-r", "koi8-u", "tis-620", "cp874", "uhc"),
)
NO_CHARACTER_SETS = (
    *("punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7", "unicode-1-1-utf-7"),
    *("hex", "rot13", "rot_13", "zip", "zlib", "bz2", "base64", "uu", "quopri", "palmos.evil", "../x", "x" * 10_000),
    *("", "é", "utf-8\0", "charmap", "mbcs", "oem"),
)


@pytest.mark.parametrize("name", PEOPLE_USE)
def test_what_people_use(name: str) -> None:
    """Character sets in which people write data are read, under any of their names."""
    assert codec_named(name) == codecs.lookup(name.replace("windows-31j", "cp932")).name


@pytest.mark.parametrize("name", NO_CHARACTER_SETS)
def test_what_is_none(name: str) -> None:
    """Codecs of Python's that are no such character set are not, nor is what is no codec."""
    with pytest.raises(LookupError):
        codec_named(name)
    assert safe_charset(name) == "utf-8"


def test_of_a_content_type() -> None:
    """A content type that names none is UTF-8, with or without a mark."""
    assert [charset_of(kind) for kind in ("text/csv", "text/csv; charset=ascii")] == ["utf-8-sig"] * 2
    assert charset_of("text/csv; charset*=utf-8''shift_jis") == "shift_jis"


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "zip", "undefined"])
@pytest.mark.parametrize("kind", ["text/csv", "text/tab-separated-values", "application/x-ndjson"])
def test_a_table_in_a_codec_that_is_not_read(session: Session, api: Server, kind: str, charset: str) -> None:
    """A table in such a codec is an error that names it, and is not decoded."""
    api.routes["/x"] = Reply(b"a,b\n1,2\n" * 100_000, content_type=f"{kind}; charset={charset}")
    with pytest.raises(FormatError, match=f"in the character set '{charset}', which nbauth does not read"):
        read(session, f"{api.origin}/x")


@pytest.mark.parametrize("status", [200, 500])
def test_text_of_an_answer(session: Session, api: Server, status: int) -> None:
    """The text of an answer, and of an error, is decoded as UTF-8 where the server names such a codec."""
    body = json.dumps({"message": "Das geht nicht: ä", "x": "ä" * 200_000}, ensure_ascii=False).encode()
    api.routes["/x"] = Reply(body, status, content_type="application/json; charset=punycode")
    assert session.get(f"{api.origin}/x").text == body.decode()
    if status >= 400:
        with pytest.raises(ApiError, match="geht nicht: ä"):
            read(session, f"{api.origin}/x")


def test_text_of_a_strangers_answer(session: Session, api: Server, secure_stranger: Server) -> None:
    """Nor is one of an origin that a redirect leads to decoded with such a codec."""
    api.routes["/x"] = redirect(f"{secure_stranger.origin}/y")
    secure_stranger.routes["/y"] = Reply("ä".encode() * 1000, content_type="text/plain; charset=punycode")
    assert session.get(f"{api.origin}/x").text == "ä" * 1000
