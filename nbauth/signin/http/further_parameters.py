"""A profile's further parameters in the requests that MSAL sends: token and device authorization requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.signin.http.transport import Answer, HttpClient

__all__ = ["FurtherParameters"]

# These grants have no authorization request: their token request is the only one that could say it (RFC 6749 §4.4,
# RFC 7523 §2.1). Auth0 wants its `audience` there.
_WITHOUT_AUTHORIZATION = ("client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer")
# What a token is for, every token request says again (RFC 8707 §2.2).
_IN_EVERY_REQUEST = ("resource",)


class FurtherParameters:
    """An ``http_client`` for MSAL that adds a profile's ``authorization_parameters`` where they belong.

    Args:
        client: what sends the requests.
        parameters: the parameters, none of them one that MSAL sets.
    """

    def __init__(self, client: HttpClient, parameters: Mapping[str, str]) -> None:
        self._client = client
        self._parameters = parameters

    @property
    def clock_ahead_s(self) -> float:
        """How far this machine's clock was ahead of the provider's at its last answer."""
        return float(getattr(self._client, "clock_ahead_s", 0.0))

    def get(self, url: str, **options: Any) -> Answer:
        """Send a GET."""
        return self._client.get(url, **options)

    def post(self, url: str, *, data: Any = None, **options: Any) -> Answer:
        """Send a POST, a form with what belongs into it."""
        return self._client.post(url, data={**self._of(data), **data} if isinstance(data, dict) else data, **options)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _of(self, form: Mapping[str, Any]) -> dict[str, str]:
        grant_type = form.get("grant_type")
        # A form without a grant asks for a device code, which is the authorization request there (RFC 8628 §3.1).
        if grant_type is None or grant_type in _WITHOUT_AUTHORIZATION:
            return dict(self._parameters)
        return {name: self._parameters[name] for name in _IN_EVERY_REQUEST if name in self._parameters}
