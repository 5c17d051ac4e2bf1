"""A client on the standard library alone: what the provider and the API answer, before any library reads it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from nbauth.demo import Person

if TYPE_CHECKING:
    from email.message import Message

    from nbauth.demo import DemoServer

READ = "api://nbauth-demo/Data.Read"
PROFILE = "api://nbauth-demo/Profile.Read"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ON_BEHALF_OF = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_):
        """Follow nothing."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def aadsts(self) -> int:
        """The AADSTS number of an error."""
        return self.json["error_codes"][0]


class Client:
    """Speaks to one demo."""

    def __init__(self, demo: DemoServer) -> None:
        self.demo = demo
        context = ssl.create_default_context(cafile=demo.ca_file)
        self._opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context), _NoRedirects())

    def send(
        self, url: str, *, form: dict[str, str] | str | None = None, method: str | None = None, **headers: str
    ) -> Answer:
        """Send a request; a keyword is a header, with `_` for `-`."""
        data = form.encode() if isinstance(form, str) else urlencode(form).encode() if form is not None else None
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            answer = self._opener.open(Request(url, data=data, headers=named, method=method), timeout=10)
        except HTTPError as error:
            answer = error
        with answer:
            return Answer(answer.status, answer.headers, answer.read())

    @property
    def configuration(self) -> dict[str, Any]:
        """The demo tenant's discovery document."""
        return self.send(f"{self.demo.authority}/v2.0/.well-known/openid-configuration").json

    def token(self, *, tenant: str | None = None, headers: dict[str, str] | None = None, **form: str) -> Answer:
        """Ask the token endpoint; the public client unless another is given."""
        authority = f"{self.demo.provider.origin}/{tenant}" if tenant else self.demo.authority
        form.setdefault("client_id", self.demo.client_id)
        return self.send(f"{authority}/oauth2/v2.0/token", form=form, **(headers or {}))

    def authorize_url(self, *, tenant: str | None = None, verifier: str | None = None, **parameters: str | None) -> str:
        """Return a good authorization URL, with parameters replaced or (None) left out."""
        given: dict[str, str | None] = {
            "client_id": self.demo.client_id,
            "response_type": "code",
            "redirect_uri": "http://localhost:51234",
            "scope": f"openid profile offline_access {READ} {PROFILE}",
            "state": "the-state",
            "nonce": "the-nonce",
            "code_challenge": challenge_of(verifier or secrets.token_urlsafe(32)),
            "code_challenge_method": "S256",
            **parameters,
        }
        query = urlencode({name: value for name, value in given.items() if value is not None})
        tenant = tenant or self.demo.provider.tenant_id
        return f"{self.demo.provider.page_origin}/{tenant}/oauth2/v2.0/authorize?{query}"

    def sign_in(
        self,
        *,
        choose: str = "alice",
        person: Person | None = None,
        tenant: str | None = None,
        **parameters: str | None,
    ) -> dict[str, str]:
        """Sign somebody in; return the response's parameters and the verifier and redirect URI that go with them."""
        verifier = secrets.token_urlsafe(32)
        url = self.authorize_url(tenant=tenant, verifier=verifier, **parameters)
        address = (person or Person()).address_after(url, choose=choose)
        parts = urlsplit(address)
        redirect_uri = parameters.get("redirect_uri") or "http://localhost:51234"
        return dict(parse_qsl(parts.query or parts.fragment)) | {
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
        }

    def redeem(self, response: dict[str, str], *, tenant: str | None = None, **replaced: str) -> Answer:
        """Redeem a code that `sign_in` returned."""
        form = {
            "grant_type": "authorization_code",
            "code": response["code"],
            "redirect_uri": response["redirect_uri"],
            "code_verifier": response["code_verifier"],
            **replaced,
        }
        return self.token(tenant=tenant, **{name: value for name, value in form.items() if value})

    def tokens(self, *, choose: str = "alice", **parameters: str | None) -> dict[str, Any]:
        """Sign somebody in and return the token response."""
        answer = self.redeem(self.sign_in(choose=choose, **parameters))
        assert answer.status == 200, answer.text
        return answer.json

    def refresh(self, refresh_token: str, **form: str) -> Answer:
        """Redeem a refresh token."""
        form.setdefault("scope", f"openid profile offline_access {READ}")
        return self.token(grant_type="refresh_token", refresh_token=refresh_token, **form)

    def api(self, path: str, token: str | None, **headers: str) -> Answer:
        """Ask the API; `path` begins after `/v1.0`, or is a whole URL."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return self.send(path if path.startswith("http") else self.demo.api_url + path, **headers)


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    """Return a token's claims, unverified."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
