from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from loads import read
from loopback_api import Reply

from nbauth.errors import FormatError

if TYPE_CHECKING:
    from loopback_api import Server

    from nbauth.data.fetch.session import Session

NDJSON = "application/x-ndjson"


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("body", "content_type", "step"),
    [
        ('[{"a": "Ü"}]'.encode("latin-1"), "application/json", "encoding="),
        ('{"value": [{"a": "Ü"}]}'.encode("latin-1"), "application/json", "encoding="),
        ('{"a": "Ü"}\n'.encode("latin-1"), NDJSON, "encoding="),
        (b'{"a": 1}\n', f"{NDJSON}; charset=nonsense", "encoding="),
        (b"hello", "application/json", "format="),
        (b"a=1&b=2", "application/json", "format="),
        (b'{"a": 1}\nhello\n', NDJSON, "format="),
        (b'[{"a": 1},', "application/json", None),
        (b'{"a": 1} x', "application/json", None),
    ],
)
def test_what_to_type(session: Session, api: Server, body: bytes, content_type: str, step: str | None) -> None:
    """What is no JSON is an error that names the argument which may help, and none where none does."""
    api.routes["/x"] = Reply(body, content_type=content_type)
    with pytest.raises(FormatError) as caught:
        read(session, f"{api.origin}/x")
    assert caught.value.next_step is None if step is None else step in str(caught.value.next_step)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("content_type", [NDJSON, f"{NDJSON}; charset=nonsense", "application/json"])
def test_the_callers_character_set(session: Session, api: Server, content_type: str) -> None:
    """Lines are in the character set that the caller names, whatever the server says."""
    api.routes["/x"] = Reply('{"a": "Ü"}\n{"a": "x"}\n'.encode("cp1252"), content_type=content_type)
    assert read(session, f"{api.origin}/x", encoding="cp1252")["a"].tolist() == ["Ü", "x"]
