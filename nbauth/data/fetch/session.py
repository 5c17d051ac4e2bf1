"""A `requests.Session` whose tokens go only to the origins that a profile names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

import requests
import urllib3

from nbauth.data.fetch.caller_credentials import check_headers, check_place, check_trust
from nbauth.data.fetch.chain import Authorizer, may_carry
from nbauth.data.fetch.challenge import asked_claims
from nbauth.data.fetch.charsets import safe_charset
from nbauth.data.fetch.redirect_policy import keep_keys_apart, keep_post, leave, lost_target
from nbauth.data.fetch.session_base import SessionBase
from nbauth.net.origins import redact_url
from nbauth.net.plain_get import PlainGetAdapter, answered
from nbauth.net.redirects import has_lost_target
from nbauth.net.requests_internals import drop_body
from nbauth.net.secrecy import HiddenText, clears_frames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import PreparedRequest, Response

    from nbauth.data.fetch.chain import Chain
    from nbauth.net.kept_connections import KeptConnections
    from nbauth.net.plain_get import Answer, PlainGets
    from nbauth.net.tls import Trust

__all__ = ["Authorizer", "KernelSession", "Session"]

_UNAUTHORIZED = 401


class Session(SessionBase):
    """Sends requests to the APIs of the profiles, each with the token of where it goes.

    It is used as a `requests.Session` is. The token is fetched for each request before anything is sent, so one that
    expires in the middle of a load is renewed. A 401 leads to one refresh and one retry. Redirects are followed with
    the token of where they lead, or, for a GET that leaves the origins of the profile that serves it over https, with
    nothing; a redirect's own body is never read. A server is known by the usual authorities and by those of the
    profile that serves it. A cookie goes back to the origin that set it, and to no other port or host. One that you
    put into ``cookies`` yourself goes where its domain matches, to every origin where it has none.

    Args:
        authorizer: which token a request may carry.
        timeout_s: seconds to connect, and to wait for the next bytes, where a request names no timeout.

    Raises:
        ConfigError: from a request that brings credentials of its own, or whose profile's bundle cannot be read.
        OriginNotAllowed: from a request to an origin that no profile names, or a redirect that may not be followed.
        SignInRequired: from a request, before anything is sent.
    """

    def __init__(self, authorizer: Authorizer, *, timeout_s: tuple[float, float] = (5.0, 60.0)) -> None:
        super().__init__(authorizer, timeout_s=timeout_s)

    def __repr__(self) -> str:
        return f"<nbauth.Session for {', '.join(self._authorizer.origins()) or 'no origin'}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an nbauth.Session gives tokens and cannot be pickled; make one where it is needed")

    def allows(self, url: str) -> bool:
        """Tell whether a request to the URL would carry a token: its origin is listed, and it is https or loopback."""
        return may_carry(self._authorizer, url)

    def chain(self, url: str) -> Chain:
        """Return the chain that a URL begins, for `send_within`.

        Raises:
            ConfigError: several profiles name its origin, or it has none.
            OriginNotAllowed: no profile names its origin, or it is http on another machine.
        """
        check_place(url)
        return self._authorizer.chain(url)

    def send(self, request: PreparedRequest, **options: Any) -> Response:
        """Send a prepared request with the token of where it goes, and follow its redirects.

        Args:
            request: what to send.
            options: as `requests.Session.send` takes them.

        Raises:
            ConfigError: the request or the options bring credentials or trust of their own.
            OriginNotAllowed: no profile names the origin, or a redirect may not be followed.
            SignInRequired: a person has to sign in first; nothing was sent.
        """
        chain = self._chains.get(request) or self.chain(str(request.url))
        return self.send_within(chain, request, **options)

    @clears_frames
    def get_within(self, chain: Chain, gets: PlainGets, url: str, **settings: Any) -> Response | None:
        """Send a GET as `send_within` does, which goes on where its answer is not plain.

        Args:
            chain: what an earlier request began.
            gets: what `plain_gets` returned.
            url: where it goes.
            settings: what `merge_environment_settings` returned.

        Returns:
            None where this one needs `send_within` from the start; nothing was sent.
        """
        if self._process != os.getpid():
            self._after_fork()
        target, adapter = gets.target(url), self.get_adapter(url)
        is_usual = not len(self.cookies) and self.verify is True and self.cert is None
        if target is None or not is_usual or not isinstance(adapter, PlainGetAdapter):
            return None
        token = HiddenText(chain.token(url))
        answer = gets.ask(
            adapter,
            target,
            {"Authorization": "Bearer " + token},
            verify=self._verify(chain, gets.prepared),
            timeout_s=self._timeout_s,
        )
        if not answer.is_plain:
            return self.send_within(chain, gets.request(url), answered_to=(token, answer), **settings)
        response = gets.response(adapter, url, answer)
        response.encoding = safe_charset(response.encoding)
        return response

    @clears_frames  # requests and urllib3 hold the token in their frames
    def send_within(
        self,
        chain: Chain,
        request: PreparedRequest,
        *,
        keeps_post: bool = False,
        answered_to: tuple[HiddenText, Answer] | None = None,
        **options: Any,
    ) -> Response:
        """Send a prepared request that an earlier one led to; arguments and errors are otherwise those of `send`.

        Args:
            chain: what the earlier one began.
            request: what to send.
            answered_to: the answer to it that has come already, and the token that it carried.
            keeps_post: whether a POST stays one with 301 and 302. Callers of a session get what requests documents, and
                what browsers do: a GET. A load would bring the rows of another question then.
            options: as `requests.Session.send` takes them.
        """
        if self._process != os.getpid():
            self._after_fork()
        follow = options.pop("allow_redirects", True)
        # Read at the end: neither a redirect's body nor that of a response that is asked for again is.
        reads, options["stream"] = not options.get("stream", self.stream), True
        check_headers(request.headers)
        check_trust(options.setdefault("verify", self.verify), options.setdefault("cert", self.cert))
        if options.get("timeout") is None:
            options["timeout"] = self._timeout_s
        proxies = options.pop("proxies", None) or dict(self.proxies)
        history: list[Response] = []
        inside = True
        while True:
            options["proxies"] = self._proxies(request, proxies)
            if inside:
                response = self._send_inside(chain, request, options, answered_to)
                answered_to = None
            else:
                options["verify"] = self._verify(chain, request)
                response = _sent(self._outside.send, request, options)
            if follow and has_lost_target(response):
                raise lost_target(response)
            if not follow or response.next is None:
                response.history = history
                return _read(response) if reads else response
            if len(history) >= self.max_redirects:
                raise requests.TooManyRedirects(f"Exceeded {self.max_redirects} redirects.", response=response)
            history.append(response)
            redirected = response.next
            if keeps_post:
                keep_post(request, redirected, response.status_code)
            # A chain that has left does not come back with a token: the address is no longer the API's choice.
            inside = inside and may_carry(chain, str(redirected.url))
            if inside:
                keep_keys_apart(request, redirected, cookies=self.cookies, for_all=self.headers)
            else:
                leave(chain, request, redirected)
            request = redirected

    def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
        """Remove our token from a redirected request; `send` decides which one it gets."""
        prepared_request.headers.pop("Authorization", None)
        if response.request in self._chains:
            self._chains[prepared_request] = self._chains[response.request]

    def _send_inside(
        self,
        chain: Chain,
        request: PreparedRequest,
        options: Mapping[str, Any],
        answered_to: tuple[HiddenText, Answer] | None,
    ) -> Response:
        url = str(request.url)
        check_place(url)
        # The token raises OriginNotAllowed for an origin that is not listed.
        token, answer = answered_to or (HiddenText(chain.token(url)), None)
        options = {**options, "verify": self._verify(chain, request)}
        response = self._send_with(chain, token, request, options, answer)
        # One retry for a token that is no longer good, one for claims that it lacks: an API cannot make it a loop.
        retries = {False, True}
        while response.status_code == _UNAUTHORIZED:
            asked = _claims_of(response)
            fresh = token
            if (asked is not None) in retries:
                retries.remove(asked is not None)
                try:
                    # The provider's clock, or a revocation, may be ahead of what the token says.
                    fresh = HiddenText(chain.token(url, rejected=token, claims=asked))
                except BaseException:
                    drop_body(response)
                    raise
            if fresh == token:
                if asked is not None:
                    drop_body(response)
                    raise chain.step_up(url, asked)
                chain.refused(url, token)
                return response
            if not _is_repeatable(request):
                return response  # the caller's next one has the fresh token
            drop_body(response)
            token = fresh
            response = self._send_with(chain, token, request, options)
        return response

    def _send_with(
        self,
        chain: Chain,
        token: HiddenText,
        request: PreparedRequest,
        options: Mapping[str, Any],
        answer: Answer | None = None,
    ) -> Response:
        signed = request.copy() if answer is None else answered(request.copy(), answer)
        self._chains[signed] = chain
        signed.headers["Authorization"] = "Bearer " + token
        try:
            response = _sent(super().send, signed, options)
        finally:
            # requests keeps the request on the response, and on its errors: whoever pickles or prints one would
            # pickle or print the token.
            signed.headers.pop("Authorization", None)
        return response


class KernelSession(Session):
    """A session that trusts what the kernel trusts.

    Args:
        authorizer: which token a request may carry.
        trust: the usual authorities.
        kept: connections that it has in common with others, and leaves open; None has it make its own.
    """

    def __init__(self, authorizer: Authorizer, trust: Trust, kept: KeptConnections | None = None) -> None:
        self._given = (trust, kept)
        super().__init__(authorizer)

    def _stands_on(self) -> tuple[Trust, KeptConnections | None]:
        return self._given


def _is_repeatable(request: PreparedRequest) -> bool:
    # A body in memory can be sent again; a file or a generator has been read. The method does not matter: what was
    # answered with 401 was not done (RFC 9110 §15.5.2).
    return request.body is None or isinstance(request.body, (bytes, str))


def _claims_of(response: Response) -> str | None:
    return asked_claims(response.headers.get("WWW-Authenticate", ""))


def _read(response: Response) -> Response:
    response.content  # noqa: B018 - kept by the response, as requests does where nothing is streamed
    return response


def _sent(send: Any, request: PreparedRequest, options: Mapping[str, Any]) -> Response:
    try:
        response: Response = send(request, allow_redirects=False, **options)
    except urllib3.exceptions.LocationParseError:  # requests lets this one through
        raise requests.exceptions.InvalidURL(f"{redact_url(str(request.url))} is not a URL that can be read") from None
    response.encoding = safe_charset(response.encoding)
    return response
