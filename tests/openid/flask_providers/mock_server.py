"""oidc-provider-mock: anybody is who they say, with any client."""

from __future__ import annotations

import sys
from pathlib import Path

import oidc_provider_mock
from oidc_provider_mock._storage import storage
from serving import Api, listening, serve


def whose(token: str) -> tuple[str, list[str]] | None:
    """Look a token up."""
    found = storage.get_access_token(token)
    return found and (found.user_id, found.scope.split())


people = [
    oidc_provider_mock.User(sub=name, claims={"preferred_username": f"{name}@example.org", "name": f"{name} Example"})
    for name in ("alice", "bob")
]
listener, origin = listening()
app = oidc_provider_mock.app(user_claims=people)
Api(whose, "email").add_to(app)
serve(app, listener, origin, Path(sys.argv[1]))
