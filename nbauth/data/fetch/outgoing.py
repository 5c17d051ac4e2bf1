"""Outgoing requests: those of one load as they are sent, but for the token.

What is the same for all requests to one origin is prepared once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import requests

from nbauth.data.fetch.headers import carried_over, has_cookie
from nbauth.data.fetch.http_errors import network_error
from nbauth.data.fetch.request import PageRequest
from nbauth.errors import ConfigError
from nbauth.net.origins import origin_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import PreparedRequest, Response

    from nbauth.data.fetch.chain import Chain
    from nbauth.data.fetch.request import RequestSpec
    from nbauth.data.fetch.session import Session
    from nbauth.net.plain_get import PlainGets

__all__ = ["OutgoingRequests"]


@dataclass(frozen=True)
class _Template:
    """A request to one origin, to be sent with other URLs."""

    prepared: PreparedRequest
    settings: dict[str, Any]
    prefix: str  # of URLs that need no further preparation
    gets: PlainGets | None


class OutgoingRequests:
    """Prepares the requests of one load.

    Args:
        session: what sends them.
        spec: what the caller asks for.
        accept: the ``Accept`` header, where the caller names none.

    Attributes:
        first: the first request.

    Raises:
        ConfigError: the URL, a header or the document cannot be sent.
    """

    def __init__(self, session: Session, spec: RequestSpec, *, accept: str) -> None:
        self._session = session
        self._spec = spec
        self._headers = {"Accept": accept, **(spec.headers or {})}
        template = self._new_template(spec.url, self._headers, spec.params)
        self._first_prefix = template.prefix
        self._templates = {template.prefix: template}
        self.first = PageRequest(str(template.prepared.url), spec.json)

    def prepare(
        self, request: PageRequest, headers: Mapping[str, str], method: Literal["HEAD"] | None
    ) -> tuple[PreparedRequest, dict[str, Any]]:
        """Return a request as requests sends it, and the settings for that.

        Args:
            request: the request.
            headers: headers to add.
            method: the method, if it is none that the request can have.
        """
        template = self._template(request.url)
        outgoing = template.prepared.copy()
        if request.url.startswith(template.prefix):
            outgoing.url = request.url
        else:
            outgoing.prepare_url(request.url, None)
        if request.body is not self._spec.json or request.verb != outgoing.method:
            outgoing.method = request.verb
            _replace_body(outgoing, request.body)
        outgoing.headers.update({**request.headers, **headers})
        outgoing.method = method or outgoing.method
        if len(self._session.cookies) and "Cookie" not in outgoing.headers:
            outgoing.prepare_cookies(self._session.cookies)
        return outgoing, template.settings

    def send_plainly(self, chain: Chain, request: PageRequest) -> Response | None:
        """Send a request that is a plain GET; None for one that has to be prepared, of which nothing was sent.

        Args:
            chain: whose token it carries.
            request: the request.
        """
        if request.verb != "GET" or request.body is not None or request.headers:
            return None
        template = self._template(request.url)
        if template.gets is None:
            return None
        return self._session.get_within(chain, template.gets, request.url, **template.settings)

    def _template(self, url: str) -> _Template:
        for prefix, template in tuple(self._templates.items()):
            if url.startswith(prefix):
                return template
        same_origin = origin_of(url) == origin_of(self._first_prefix)
        template = self._new_template(url, carried_over(self._headers, same_origin=same_origin), None)
        self._templates[template.prefix] = template
        return template

    def _new_template(self, url: str, headers: Mapping[str, str], params: Mapping[str, Any] | None) -> _Template:
        spec = self._spec
        outgoing = requests.Request(spec.method, url, dict(headers), params=dict(params or {}), json=spec.json)
        try:
            prepared = self._session.prepare_request(outgoing)
        except requests.exceptions.InvalidJSONError as error:
            raise ConfigError(f"json: {error}.") from None
        except (TypeError, ValueError) as error:
            if spec.json is not None and not isinstance(error, requests.RequestException):
                raise ConfigError(f"json: {error}.") from None
            if isinstance(error, requests.RequestException):
                raise network_error(error, url) from error
            raise
        except requests.RequestException as error:
            raise network_error(error, url) from error
        if not has_cookie(self._session.headers, headers):
            prepared.headers.pop("Cookie", None)  # each request gets the session's cookies as they are then
        settings = self._session.merge_environment_settings(prepared.url, {}, True, None, None)
        scheme, _, rest = str(prepared.url).partition("://")
        host = rest.split("/", 1)[0].split("?", 1)[0]
        prefix = f"{scheme}://{host}/"
        return _Template(prepared, settings, prefix, self._session.plain_gets(prepared, prefix, settings["proxies"]))


def _replace_body(outgoing: PreparedRequest, document: Any) -> None:
    outgoing.headers.pop("Content-Length", None)
    if document is None:
        outgoing.headers.pop("Content-Type", None)  # of the POST before it
    outgoing.prepare_body(None, None, json=document)
