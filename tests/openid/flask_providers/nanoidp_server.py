"""NanoIDP, configured as its own files have it."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml
from nanoidp.app import create_app
from nanoidp.services.crypto import get_crypto_service
from serving import SECRET, Api, listening, serve


def whose(token: str) -> tuple[str, list[str]] | None:
    """Validate a token."""
    try:
        claims = get_crypto_service().verify_jwt(token, None)
    except ValueError:
        return None
    return claims["sub"], claims.get("scope", "").split()


directory = Path(sys.argv[1])
listener, origin = listening()
scopes = ["openid", "profile", "email", "offline_access", "data.read", "data.write"]
(directory / "settings.yaml").write_text(
    yaml.safe_dump(
        {
            "config_version": 1,
            "device_flow": {"polling_interval": 1},
            "oauth": {
                "issuer": origin,
                "audience": "data",
                "scopes_supported": scopes,
                "refresh_token_rotation": True,
                "clients": [
                    {
                        "client_id": "notebook",
                        "token_endpoint_auth_method": "none",
                        "redirect_uris": ["http://127.0.0.1"],
                        "allowed_scopes": scopes[:-1],
                    },
                    {"client_id": "job", "client_secret": SECRET, "token_endpoint_auth_method": "client_secret_post"},
                    {"client_id": "basic", "client_secret": SECRET},
                ],
            },
            "jwt": {"keys_dir": str(directory / "keys")},
        }
    )
)
(directory / "users.yaml").write_text(
    yaml.safe_dump(
        {
            "config_version": 1,
            "users": {
                name: {"password": f"{name}'s password", "email": f"{name}@example.org"} for name in ("alice", "bob")
            },
        }
    )
)
app = create_app(str(directory))
Api(whose, "data.read").add_to(app)
serve(app, listener, origin, directory)
