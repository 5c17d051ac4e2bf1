"""An API that is a function: a session whose requests go nowhere, and get what the function answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from loopback_api import FakeAuthorizer
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from nbauth.data.fetch.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests import PreparedRequest, Response

__all__ = ["ORIGIN", "Answer", "Asked", "session_of"]

ORIGIN = "https://api.example"


@dataclass(frozen=True)
class Asked:
    """A request, as the function sees it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    """What the function answers: a document for JSON, or bytes."""

    content: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


class _Adapter(HTTPAdapter):
    def __init__(self, api: Callable[[Asked], Answer]) -> None:
        super().__init__()
        self._api = api

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        parts = urlsplit(str(request.url))
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body = json.loads(request.body) if request.body else None
        answer = self._api(Asked(str(request.method), parts.path, query, request.headers, body))
        content = answer.content if isinstance(answer.content, bytes) else json.dumps(answer.content).encode()
        headers = {"Content-Type": answer.content_type, "Content-Length": str(len(content)), **answer.headers}
        raw = HTTPResponse(
            body=BytesIO(content),
            headers=headers,
            status=answer.status,
            preload_content=False,
            request_method=request.method,
        )
        return self.build_response(request, raw)  # type: ignore[no-untyped-call]


def session_of(api: Callable[[Asked], Answer], *origins: str) -> Session:
    """Return a session that is signed in to an API at some origins; at `ORIGIN`, if none is named."""
    session = Session(FakeAuthorizer(*(origins or (ORIGIN,))))
    for origin in origins or (ORIGIN,):
        session.mount(f"{origin}/", _Adapter(api))
    return session
