"""The Databricks SDK with the kernel's sign-in: `WorkspaceClient(host=…, credentials_strategy=…)`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from databricks.sdk.credentials_provider import OAuthCredentialsProvider, OauthCredentialsStrategy
from databricks.sdk.oauth import Token

from nbauth.adapters.row import Row

if TYPE_CHECKING:
    from databricks.sdk.config import Config

__all__ = ["credentials_strategy"]

# Azure Databricks refuses tokens that expire within 30 seconds; the SDK renews its own 40 seconds before that, too
# (`Token.expired` in databricks/sdk/oauth.py).
_LIFE_S = 40.0


def credentials_strategy(profile: str | None = None) -> OauthCredentialsStrategy:
    """Return what the SDK's clients take as `credentials_strategy`.

    The host decides, as the SDK has found it out: by the argument, the environment or ``~/.databrickscfg``. A client
    whose host no profile names is not made.

    Args:
        profile: name of the profile; None for the one that names the host.

    Raises:
        OriginNotAllowed: when a client is made; no profile names its host.
        ConfigError: when a client is made; several do.
        SignInRequired: when a client sends a request; nobody is signed in, or somebody else than when it was made.
    """
    return OauthCredentialsStrategy("nbauth", partial(_credentials, profile))


def _credentials(profile: str | None, cfg: Config) -> OAuthCredentialsProvider:
    if not cfg.host:
        raise ValueError("no host is configured")  # the SDK tells it with the rest of its configuration
    row = Row(cfg.host, profile, tool="databricks-sdk", life_s=_LIFE_S)

    # Functions, because the SDK copies its configuration deeply, and they stay the same ones.
    def headers() -> dict[str, str]:
        return {"Authorization": "Bearer " + row.access_token().secret}

    def token() -> Token:
        found = row.access_token()
        return Token(found.secret, "Bearer", expiry=datetime.fromtimestamp(found.expires_at, UTC))

    return OAuthCredentialsProvider(headers, token)
