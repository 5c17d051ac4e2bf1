"""A protected API beside the provider: a profile, a paged collection in several formats, and answers that go wrong.

All under `/v1.0`, all with a bearer token of the provider:

* `/me`: the person that the token is for.
* `/sunlight`: pages as OData has them (`value`, `@odata.nextLink`, `$count=true`). As in Microsoft Graph, `$top` is
  the size of a page and not of the whole; `Prefer: odata.maxpagesize` is taken too. `$skip` starts further on.
* `/sunlight.csv`, `/sunlight.ndjson`, `/sunlight.parquet`: all rows at once; of the last, byte ranges too.
* `/cities`: a plain array a page, the next one named by a `Link` header (RFC 8288); `/cities/{name}`: one object.
* what `stand_ins` answers, in the shapes of Log Analytics, Power BI and Graph's reports.
* whatever `odd_answers` holds.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import threading
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

from nbauth.demo.api.bearer import ApiError, BearerCheck
from nbauth.demo.api.byte_ranges import with_ranges
from nbauth.demo.api.odd_answers import ODD_ANSWERS
from nbauth.demo.api.stand_ins import StandIns
from nbauth.demo.api.sunlight import CITIES, Sunlight
from nbauth.demo.http.faults import Faults
from nbauth.demo.http.listener import Listener
from nbauth.demo.http.messages import Response
from nbauth.demo.http.request_log import RequestLog

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from nbauth.demo.http.messages import Request
    from nbauth.demo.provider.provider import Provider

__all__ = ["API_IDENTIFIER", "Api"]

API_IDENTIFIER = "api://nbauth-demo"

_PAGE = 1_000
_LARGEST_PAGE = 10_000
_CITIES_PAGE = 4


class Api:
    """The API, from `start` until `close`.

    Args:
        provider: whose tokens it takes.
        rows: rows of the collection.
        port: port to listen on; 0 for any that is free.
        tls: the server's side of TLS; None for plain http.
        requests: where requests are noted.

    Attributes:
        bearer: the check of tokens; assign to `bearer.demanded` for a claims challenge.
        faults: misbehaviour asked for.
        requests: what was asked.
        gzip: whether to compress for those who accept it.
        origin: ``http://localhost:port``.
        url: the origin and ``/v1.0``.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        rows: int = 50_000,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        requests: RequestLog | None = None,
    ) -> None:
        self.requests = requests if requests is not None else RequestLog()
        self.faults = Faults()
        self.bearer = BearerCheck(provider, audience=API_IDENTIFIER)
        self.gzip = False
        self._provider = provider
        self._sunlight = Sunlight(rows)
        self._parquet: bytes | None = None
        self._lock = threading.Lock()
        self._collections: dict[str, Callable[[Request], Response]] = {
            "sunlight": self._page,
            "sunlight.csv": self._as_csv,
            "sunlight.ndjson": self._as_ndjson,
            "sunlight.parquet": self._as_parquet,
        }
        self._listener = Listener(self._answer, name="api", port=port, tls=tls, faults=self.faults, log=self.requests)
        self.origin = self._listener.origin
        self.url = f"{self.origin}/v1.0"
        self._stand_ins = StandIns(self._sunlight, self.origin)

    def start(self) -> None:
        """Begin to answer."""
        self._listener.start()

    def close(self) -> None:
        """Stop answering."""
        self._listener.close()

    def _answer(self, request: Request) -> Response:
        try:
            response = self._authorized(request)
        except ApiError as error:
            return error.to_response()
        accepted = "gzip" in request.headers.get("Accept-Encoding", "")
        has_ranges = "ETag" in dict(response.headers)  # which would be of the file, and not of what was compressed
        if self.gzip and accepted and not has_ranges and isinstance(response.body, bytes) and response.body:
            return Response(
                status=response.status,
                body=gzip.compress(response.body, 1),
                content_type=response.content_type,
                headers=(*response.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")),
            )
        return response

    def _authorized(self, request: Request) -> Response:
        if (public := self._stand_ins.public(request)) is not None:
            return public
        start, _, name = request.path.partition("/v1.0/")
        if start or not name:
            raise ApiError(404, "NotFound", "There is nothing here; the API is under /v1.0/.")
        if name == "me":
            claims = self.bearer(request, scope="Profile.Read", role=None)
            _only_get(request)
            return self._me(claims)
        self.bearer(request, scope="Data.Read", role="Data.Read.All")
        for pattern, answer in ODD_ANSWERS.items():
            if fnmatchcase(name, pattern):
                return answer(request, self.origin)
        if (stand_in := self._stand_ins.answer(request, unquote(name))) is not None:
            return stand_in
        _only_get(request)
        if name == "cities" or name.startswith("cities/"):
            return self._cities(request, unquote(name.partition("/")[2]))
        collection = self._collections.get(name)
        if collection is None:
            raise ApiError(404, "NotFound", f"There is no {request.path}.")
        return collection(request)

    def _me(self, claims: dict[str, Any]) -> Response:
        user = self._provider.registry.user_named(claims.get("preferred_username", ""))
        assert user
        return Response.json(
            {
                "@odata.context": f"{self.url}/$metadata#users/$entity",
                "id": user.object_id,
                "displayName": user.name,
                "userPrincipalName": user.username,
                "mail": user.username,
                "jobTitle": None,
            }
        )

    def _page(self, request: Request) -> Response:
        preferred = _preferred_page(request.headers.get("Prefer", ""))
        start = _number(request, "$skip", 0, smallest=0)
        size = _number(request, "$top", preferred or _PAGE, smallest=1)
        if "$skiptoken" in request.query:
            start, size = _from_token(request.query["$skiptoken"])
        size = min(size, _LARGEST_PAGE)
        stop = min(start + size, len(self._sunlight))
        head: dict[str, Any] = {"@odata.context": f"{self.url}/$metadata#sunlight"}
        counted = request.query.get("$count", "").lower() == "true"
        if counted:
            head["@odata.count"] = len(self._sunlight)
        if stop < len(self._sunlight):
            query = {"$skiptoken": _to_token(stop, size)} | ({"$count": "true"} if counted else {})
            head["@odata.nextLink"] = f"{self.url}/sunlight?{urlencode(query, safe='$')}"
        envelope = json.dumps(head, separators=(",", ":")).encode()
        body = b'%b,"value":[%b]}' % (envelope[:-1], self._sunlight.encoded("json", start, stop))
        return Response(body=body, content_type="application/json; odata.metadata=minimal; charset=utf-8")

    def _cities(self, request: Request, name: str) -> Response:
        if name:
            city = next((city for city in CITIES if city.name == name), None)
            if city is None:
                raise ApiError(404, "NotFound", f"There is no city '{name}'.")
            return Response.json(city.to_dict())
        size = _number(request, "per_page", _CITIES_PAGE, smallest=1)
        page = _number(request, "page", 1, smallest=1)
        pages = -(-len(CITIES) // size)
        links = {"next": page + 1, "prev": page - 1, "first": 1, "last": pages}
        value = ", ".join(
            f'<{self.url}/cities?page={number}&per_page={size}>; rel="{relation}"'
            for relation, number in links.items()
            if 1 <= number <= pages
        )
        cities = [city.to_dict() for city in CITIES[(page - 1) * size : page * size]]
        return Response.json(cities, headers={"Link": value, "X-Total-Count": str(len(CITIES))})

    def _as_csv(self, _: Request) -> Response:
        return Response(body=self._sunlight.stream("csv"), content_type="text/csv; charset=utf-8")

    def _as_ndjson(self, _: Request) -> Response:
        return Response(body=self._sunlight.stream("ndjson"), content_type="application/x-ndjson")

    def _as_parquet(self, request: Request) -> Response:
        with self._lock:
            if self._parquet is None:
                try:
                    self._parquet = self._sunlight.parquet()
                except ImportError:
                    raise ApiError(501, "NotImplemented", "Parquet needs pyarrow: pip install pyarrow.") from None
        tag = f'"sunlight-{len(self._sunlight)}"'
        return with_ranges(request, self._parquet, etag=tag, content_type="application/vnd.apache.parquet")


def _only_get(request: Request) -> None:
    if request.method not in {"GET", "HEAD"}:
        raise ApiError(405, "MethodNotAllowed", f"{request.method} is not allowed here.")


def _number(request: Request, name: str, default: int, *, smallest: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isdecimal() or int(text) < smallest:
        raise ApiError(400, "BadRequest", f"The value of {name} must be a whole number of at least {smallest}.")
    return int(text)


def _preferred_page(prefer: str) -> int | None:
    for preference in prefer.split(","):
        name, _, value = preference.strip().partition("=")
        if name.lower() == "odata.maxpagesize" and value.isdecimal() and int(value):
            return int(value)
    return None


def _to_token(start: int, size: int) -> str:
    return quote(base64.urlsafe_b64encode(json.dumps([start, size]).encode()).rstrip(b"=").decode())


def _from_token(token: str) -> tuple[int, int]:
    try:
        start, size = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, TypeError, binascii.Error):
        start = size = 0
    if not (isinstance(start, int) and isinstance(size, int)) or start < 0 or size < 1:
        raise ApiError(400, "BadRequest", "The $skiptoken is not valid.")
    return start, size
