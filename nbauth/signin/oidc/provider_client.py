"""The http client between MSAL and the transport: checks discovery documents, and notices when one is out of date."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nbauth.signin.http.transport import NoEndpoint
from nbauth.signin.msal_internals import endpoint_of, move_endpoint
from nbauth.signin.oidc.discovery import check, kept_in, moved

if TYPE_CHECKING:
    from collections.abc import Callable

    import msal

    from nbauth.signin.http.http_cache import HttpCache
    from nbauth.signin.http.transport import Answer, HttpClient
    from nbauth.signin.profile.profile import Profile

__all__ = ["ProviderClient"]


class ProviderClient:
    """An ``http_client`` for MSAL.

    MSAL keeps a discovery document for a day, and its endpoints for as long as an application lives. Where one of them
    is no endpoint any more, the document is fetched anew, and the request goes to where it is by now. It was not
    answered by an endpoint before, so nothing in it is spent.

    Args:
        client: what sends the requests.
        profile: whose provider.
        http_cache: where MSAL keeps the discovery document.
        application: returns MSAL's client application; called only when it asks for tokens.
        assertion: returns an assertion of the client that is signed for where its token endpoint is by now (RFC 7523
            §3, `aud`); None where it proves itself otherwise.
    """

    def __init__(
        self,
        client: HttpClient,
        profile: Profile,
        *,
        http_cache: HttpCache | None,
        application: Callable[[], msal.ClientApplication],
        assertion: Callable[[], str] | None = None,
    ) -> None:
        self._client = client
        self._profile = profile
        self._http_cache = http_cache
        self._application = application
        self._assertion = assertion

    @property
    def clock_ahead_s(self) -> float:
        """How far this machine's clock was ahead of the provider's at its last answer."""
        return float(getattr(self._client, "clock_ahead_s", 0.0))

    def get(self, url: str, **options: Any) -> Answer:
        """Send a GET.

        Raises:
            ProviderUnavailable: it was for the discovery document, and that is refused. MSAL then keeps none of it.
        """
        answer = self._client.get(url, **options)
        if url == self._profile.resolved_authority.discovery_url and answer.status_code == 200:  # noqa: PLR2004
            check(json.loads(answer.text), self._profile)
        return answer

    def post(self, url: str, **options: Any) -> Answer:
        """Send a POST, if need be to where the endpoint is by now."""
        try:
            return self._client.post(url, **options)
        except NoEndpoint as error:
            application = self._application()
            name = endpoint_of(application, url)
            if name is None:  # a region's, which no document names
                raise
            place = moved(self._profile, application, self._http_cache, name=name, url=url)
            if place is None:
                raise NoEndpoint(
                    "; ".join(filter(None, (str(error), kept_in(self._http_cache)))), leads_to=error.leads_to
                ) from None
        move_endpoint(application, name, place)
        data = options.get("data")
        if self._assertion is not None and isinstance(data, dict) and "client_assertion" in data:
            options["data"] = {**data, "client_assertion": self._assertion()}
        return self._client.post(place, **options)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
