"""The authorization endpoint: the client, who signs in, and where the code goes (RFC 6749 §4.1, OIDC Core §3.1.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import urlencode, urlsplit

from nbauth.demo.http.messages import BadRequestError, Response
from nbauth.demo.provider.aadsts import Refusal
from nbauth.demo.provider.grants import AuthorizationRequest, DeviceGrant
from nbauth.demo.provider.pages import choose_page, form_post_page, message_page
from nbauth.demo.provider.tokens import client_info

if TYPE_CHECKING:
    from nbauth.demo.http.messages import Request
    from nbauth.demo.provider.context import Context
    from nbauth.demo.provider.grants import Session
    from nbauth.demo.provider.realms import Realm
    from nbauth.demo.provider.registry import Client

__all__ = ["AuthorizeEndpoint"]

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # a SHA-256 in base64url (RFC 7636 §4.2)
_MODES = ("query", "fragment", "form_post")
_PROMPTS = frozenset({"none", "login", "consent", "select_account", "create"})


class AuthorizeEndpoint:
    """Shows the page, or goes straight back where that is allowed."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def authorize(self, request: Request, realm: Realm) -> Response:
        """Answer an authorization request."""
        parameters = request.form if request.method == "POST" else request.query
        try:
            client, redirect_uri = self._where_to(parameters)
        except Refusal as refusal:
            # Never a redirect to an address that is not registered (RFC 6749 §4.1.2.1).
            return message_page("This sign-in cannot go on", refusal.headline, status=400)
        asked_mode = parameters.get("response_mode", "query")
        mode = asked_mode if asked_mode in _MODES else "query"
        try:
            asked = self._check(parameters, realm, client, redirect_uri, asked_mode)
            return self._sign_in(asked, self._session(request))
        except Refusal as refusal:
            return _back(redirect_uri, mode, parameters.get("state"), realm, _error_fields(refusal, realm))

    def choose(self, request: Request, realm: Realm) -> Response:
        """Answer the form of the page: somebody, or Cancel."""
        about = self._context.grants.take_ticket(request.form.get("ticket", ""))
        choice = request.form.get("choice", "")
        user = self._context.registry.users.get(choice)
        if about is None or (user is None and choice != "cancel"):
            return message_page("This page is too old", "Start again where you came from.", status=400)
        if isinstance(about, DeviceGrant):
            self._context.grants.decide_device(about, user)
            if user is None:
                return message_page("Cancelled", "Nobody was signed in. You can close this page.")
            return message_page("You are signed in", "Go back to your notebook; you can close this page.")
        if user is None:
            refusal = Refusal(65004, "User declined to consent to access the app.")
            fields = _error_fields(refusal, realm) | {"error_subcode": "cancel"}
            return _back(about.redirect_uri, about.response_mode, about.state, about.realm, fields)
        cookie, session = self._context.grants.add_session(user)
        return self._grant(about, session, cookie=self._cookie(realm, cookie))

    def logout(self, request: Request, realm: Realm) -> Response:
        """End the browser's session (OpenID Connect RP-Initiated Logout)."""
        self._context.grants.end_session(request.cookies.get(self._context.cookie))
        cookies = (f"{self._cookie(realm, '')}; Max-Age=0",)
        parameters = request.form if request.method == "POST" else request.query
        target = parameters.get("post_logout_redirect_uri", "")
        clients = self._context.registry.clients.values()
        if any(target in client.post_logout_redirect_uris for client in clients):
            state = {"state": parameters["state"]} if "state" in parameters else {}
            return Response.redirect(_with_query(target, state), cookies=cookies)
        return message_page("You are signed out", "You can close this page.", cookies=cookies)

    def _cookie(self, realm: Realm, value: str) -> str:
        # Where a proxy leads here, other paths of its host are other people's.
        return f"{self._context.cookie}={value}; Path={realm.site.pages_path}/; HttpOnly; SameSite=Lax"

    def _session(self, request: Request) -> Session | None:
        return self._context.grants.session(request.cookies.get(self._context.cookie))

    def _where_to(self, parameters: dict[str, str]) -> tuple[Client, str]:
        if "client_id" not in parameters:
            raise Refusal(900144, "The request must contain the following parameter: 'client_id'.")
        client = self._context.registry.client(parameters["client_id"])
        redirect_uri = parameters.get("redirect_uri", "")
        if not client.accepts_redirect(redirect_uri):
            raise Refusal(
                50011,
                f"The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs "
                f"configured for the application '{client.client_id}'.",
            )
        return client, redirect_uri

    def _check(
        self, parameters: dict[str, str], realm: Realm, client: Client, redirect_uri: str, mode: str
    ) -> AuthorizationRequest:
        if mode not in _MODES:
            raise Refusal(90014, "The value of 'response_mode' is not one of query, fragment and form_post.")
        if parameters.get("response_type") != "code":
            raise Refusal(700054, "The only 'response_type' enabled for the application is 'code'.")
        if "request" in parameters or "request_uri" in parameters:
            raise Refusal(90014, "Request objects are not supported.", error="request_not_supported")
        challenge = parameters.get("code_challenge", "")
        if not challenge:
            raise Refusal(50147, "The request must contain the following parameter: 'code_challenge'.")
        if parameters.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
            raise Refusal(501491, "The code_challenge must be a SHA-256 and its method 'S256'.")
        prompt = frozenset(parameters.get("prompt", "").split())
        if prompt - _PROMPTS or ("none" in prompt and len(prompt) > 1):
            raise Refusal(90014, "The value of 'prompt' is not valid.")
        max_age = parameters.get("max_age", "")
        if max_age and not max_age.isdecimal():
            raise Refusal(90014, "The value of 'max_age' is not valid.")
        return AuthorizationRequest(
            realm=realm,
            client=client,
            redirect_uri=redirect_uri,
            response_mode=cast("Literal['query', 'fragment', 'form_post']", mode),
            state=parameters.get("state"),
            scopes=self._context.registry.scopes(parameters.get("scope", "")),
            nonce=parameters.get("nonce"),
            challenge=challenge,
            prompt=prompt,
            login_hint=parameters.get("login_hint", ""),
            max_age_s=float(max_age) if max_age else None,
            claims=parameters.get("claims", ""),
            client_info=parameters.get("client_info") == "1",
        )

    def _sign_in(self, asked: AuthorizationRequest, session: Session | None) -> Response:
        hinted = self._context.registry.user_named(asked.login_hint)
        if session and asked.max_age_s is not None:
            fresh = self._context.clock() - session.signed_in_at <= asked.max_age_s
            session = session if fresh and asked.max_age_s else None
        fits = session is not None and (hinted is None or hinted == session.user)
        if "none" in asked.prompt:
            if session is None:
                raise Refusal(50058, "A silent sign-in request was sent but no user is signed in.")
            if not fits:
                raise Refusal(16000, "Another user is signed in than the one that was hinted at.")
        if session and fits and not asked.prompt - {"none"}:
            return self._grant(asked, session)
        first = hinted or (session.user if session else None)
        return choose_page(
            action=asked.realm.site.pages_path + asked.realm.path("login"),
            ticket=self._context.grants.add_ticket(asked),
            client_name=asked.client.name,
            goes_to=urlsplit(asked.redirect_uri).netloc,
            asks_for=[*sorted(asked.scopes.openid), *asked.scopes.full_names()],
            users=self._context.registry.users.values(),
            first=first.key if first else None,
            redirect_uri=asked.redirect_uri,
        )

    def _grant(self, asked: AuthorizationRequest, session: Session, *, cookie: str | None = None) -> Response:
        fields = {"code": self._context.grants.add_code(asked, session)}
        if asked.client_info and asked.realm.tells_client_info:
            fields["client_info"] = client_info(session.user, asked.realm)
        cookies = (cookie,) if cookie else ()
        return _back(asked.redirect_uri, asked.response_mode, asked.state, asked.realm, fields, cookies=cookies)


def _error_fields(refusal: Refusal, realm: Realm) -> dict[str, str]:
    text = refusal.headline if realm.entra else refusal.message
    return {"error": refusal.error, "error_description": text}


def _back(
    redirect_uri: str,
    mode: str,
    state: str | None,
    realm: Realm,
    fields: dict[str, str],
    *,
    cookies: tuple[str, ...] = (),
) -> Response:
    fields = fields | ({"state": state} if state is not None else {}) | {"iss": realm.issuer}  # RFC 9207 §2
    match mode:
        case "form_post":
            return form_post_page(redirect_uri, fields, cookies=cookies)
        case "fragment":
            return Response.redirect(f"{redirect_uri}#{urlencode(fields)}", cookies=cookies)
        case "query":
            return Response.redirect(_with_query(redirect_uri, fields), cookies=cookies)
        case _:
            raise BadRequestError(f"No such response mode: {mode}")


def _with_query(uri: str, fields: dict[str, str]) -> str:
    if not fields:
        return uri
    parts = urlsplit(uri)
    query = "&".join(part for part in (parts.query, urlencode(fields)) if part)
    # Like Entra, an address without a path comes back with a slash.
    return parts._replace(path=parts.path or "/", query=query).geturl()
