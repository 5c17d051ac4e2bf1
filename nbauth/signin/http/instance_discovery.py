"""Instance discovery: MSAL asks one of Microsoft's clouds which host names are the same; never a reason to fail.

Accounts of a person are then found under the cloud's other names. What the answer says makes no host trusted: the
transport goes by the profile alone.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from nbauth.signin.http.transport import Answer
from nbauth.signin.msal_internals import ASKS_EACH_CLOUD, WELL_KNOWN_HOSTS
from nbauth.signin.profile.authority import CLOUDS

if TYPE_CHECKING:
    from nbauth.signin.http.transport import GuardedTransport
    from nbauth.signin.profile.profile import Profile

__all__ = ["OptionalAliases", "wanted"]

logger = logging.getLogger(__name__)

_PATH = "/common/discovery/instance"


def wanted(profile: Profile) -> bool | None:
    """Return MSAL's ``instance_discovery``: None lets it ask, False never asks.

    An application has no accounts to look for. A host that is not Microsoft's is the person's who wrote the profile,
    and nobody else's to vouch for. MSAL up to 1.35 asks the public cloud about every cloud; a kernel of another one
    has no business there.
    """
    authority = profile.resolved_authority
    if profile.kind == "application" or authority.kind != "entra" or authority.host not in WELL_KNOWN_HOSTS:
        return False
    return None if ASKS_EACH_CLOUD or CLOUDS["public"] in authority.aliases else False


class OptionalAliases:
    """An ``http_client`` for MSAL that says "no other names" where instance discovery cannot be had.

    MSAL looks for other names after a refresh was refused. If that look failed, it would hide that a person has to sign
    in again.

    Args:
        transport: what sends the requests.
    """

    def __init__(self, transport: GuardedTransport) -> None:
        self._transport = transport

    @property
    def clock_ahead_s(self) -> float:
        """How far this machine's clock was ahead of the provider's at its last answer."""
        return self._transport.clock_ahead_s

    def get(self, url: str, **options: Any) -> Answer:
        """Send a GET."""
        if urlsplit(url).path != _PATH:
            return self._transport.get(url, **options)
        try:
            answer = self._transport.get(url, **options)
            answer.raise_for_status()
        except requests.RequestException as error:
            logger.info("Instance discovery failed (%s); the sign-in goes on without other host names.", error)
            return Answer(200, '{"metadata": []}', {})
        return answer

    def post(self, url: str, **options: Any) -> Answer:
        """Send a POST."""
        return self._transport.post(url, **options)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
