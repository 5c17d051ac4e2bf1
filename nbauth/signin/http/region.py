"""The Azure region whose token service an application asks: named by the profile, or found on the machine."""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any

import requests

from nbauth.net.redirects import NoRedirects, is_redirection
from nbauth.signin.http.transport import Answer
from nbauth.signin.profile.options import AUTO_REGION, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.signin.http.transport import HttpClient
    from nbauth.signin.profile.profile import Profile

__all__ = ["KnownRegion", "region_of"]

logger = logging.getLogger(__name__)

# Azure's Instance Metadata Service, which answers on the machine's own link, over http
# (https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service).
_METADATA = "http://169.254.169.254/metadata/instance/compute"
_TIMEOUT_S = 1.0
_LARGEST = 64 * 1024


def region_of(profile: Profile, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the region of a profile; for ``"auto"`` what ``REGION_NAME`` or the metadata service says.

    Args:
        profile: whose.
        environ: the environment variables.

    Returns:
        Its name, or None for the token service that serves every region.
    """
    if profile.azure_region != AUTO_REGION:
        return profile.azure_region
    region = environ.get("REGION_NAME") or _location()
    if not isinstance(region, str) or not REGION.fullmatch(region):
        logger.info("No Azure region was found on this machine; the token service that serves every region is asked.")
        return None
    return region


def _location() -> Any:
    with NoRedirects() as session:
        try:
            with session.get(
                _METADATA,
                params={"api-version": "2021-02-01"},
                headers={"Metadata": "true"},
                timeout=_TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as answer:
                if not answer.ok or is_redirection(answer.status_code):
                    return None
                document = json.loads(answer.raw.read(_LARGEST, decode_content=True))
        except (requests.RequestException, OSError, ValueError, RecursionError):
            return None
    return document.get("location") if isinstance(document, dict) else None


class KnownRegion:
    """An ``http_client`` for MSAL that answers its question for the region of this machine.

    MSAL asks even where the region was named, and only to write a warning when both differ.

    Args:
        client: what sends every other request.
        region: the region.
    """

    def __init__(self, client: HttpClient, region: str) -> None:
        self._client = client
        self._region = region

    def get(self, url: str, **options: Any) -> Answer:
        """Send a GET."""
        if url.startswith(_METADATA):
            # MSAL up to 1.35 asks for the name alone.
            text = self._region if "format=text" in url else json.dumps({"location": self._region})
            return Answer(200, text, {})
        return self._client.get(url, **options)

    def post(self, url: str, **options: Any) -> Answer:
        """Send a POST."""
        return self._client.post(url, **options)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
