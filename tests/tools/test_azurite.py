"""That Azurite asks for a token as Azure Storage does: what the tests beside this one stand on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import nbauth
from nbauth import kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Azurite

VERSION = {"x-ms-version": "2024-11-04"}


def test_a_persons_token_is_taken(azurite: Azurite, sign_in: Callable[..., nbauth.Account]):
    """A row's own token, v1.0 and for Storage, opens all three services."""
    sign_in("storage")
    with nbauth.session("storage") as session:
        blobs = session.get(f"{azurite.blob_url}/?comp=list", headers=VERSION)
        queues = session.get(f"{azurite.queue_url}/?comp=list", headers=VERSION)
        tables = session.get(f"{azurite.table_url}/Tables", headers={**VERSION, "Accept": "application/json"})
    assert [answer.status_code for answer in (blobs, queues, tables)] == [200, 200, 200]


def test_an_applications_token_is_taken(azurite: Azurite):
    """So does a job's."""
    with nbauth.session("storage-job") as session:
        assert session.get(f"{azurite.blob_url}/?comp=list", headers=VERSION).status_code == 200


def test_another_resources_token_is_refused(azurite: Azurite, sign_in: Callable[..., nbauth.Account]):
    """A token for another API opens nothing there."""
    profile = kernel.config().profiles["storage"]
    scopes = next(iter(kernel.config().profiles["demo"].apis.values()))
    kernel.add_profile(dataclasses.replace(profile, apis=dict.fromkeys(azurite.origins, scopes)))
    sign_in("storage")
    with nbauth.session("storage") as session:
        answer = session.get(f"{azurite.blob_url}/?comp=list", headers=VERSION)
    assert (answer.status_code, "AuthenticationFailed" in answer.text) == (403, True)
