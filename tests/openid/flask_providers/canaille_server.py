"""Canaille, with its database in a file."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from canaille.oidc import provider
from serving import SECRET, Api, listening, serve
from werkzeug.security import gen_salt


def whose(token: str) -> tuple[str, list[str]] | None:
    """Look a token up."""
    found = Backend.instance.get(models.Token, access_token=token)
    if not found or found.is_expired() or found.is_revoked():
        return None
    return found.subject.user_name if found.subject else found.client.client_id, found.scope


def populate() -> None:
    """Make two people and the clients."""
    for name in ("alice", "bob"):
        Backend.instance.save(
            models.User(
                user_name=name,
                formatted_name=f"{name.title()} Example",
                family_name="Example",
                emails=[f"{name}@example.org"],
                password=f"{name}'s password",
            )
        )
    common = {
        "client_id_issued_at": dt.datetime.now(dt.UTC),
        "scope": ["openid", "profile", "email", "offline_access", "data.read"],
    }
    notebook = models.Client(
        client_id="notebook",
        client_name="Notebook",
        token_endpoint_auth_method="none",
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        redirect_uris=["http://localhost:8400"],
        **common,
    )
    job = models.Client(
        client_id="job",
        client_name="Job",
        client_secret=SECRET,
        token_endpoint_auth_method="client_secret_basic",  # no other one may have the grant
        grant_types=["client_credentials"],
        **common,
    )
    for client in (notebook, job):
        Backend.instance.save(client)
        client.audience = [client]
        Backend.instance.save(client)


# As it is delivered, two tokens that somebody gets in one second are the same one, and the second is answered with 500.
provider.generate_access_token = lambda *_, **__: gen_salt(48)
directory = Path(sys.argv[1])
listener, origin = listening()
app = create_app(
    {
        "SECRET_KEY": "one run long",
        "SERVER_NAME": origin.removeprefix("https://"),
        "PREFERRED_URL_SCHEME": "https",
        "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{directory / 'db.sqlite3'}"},
        "CANAILLE_OIDC": {},
    },
    env_file=None,
    init_backend=True,
)
with app.app_context():
    populate()
Api(whose, "data.read").add_to(app)
serve(app, listener, origin, directory)
