"""AccountTokens: what a token cache holds of one account for one application."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import msal

from nbauth.net.secrecy import HiddenMapping
from nbauth.signin.client.application import without_reserved_scopes
from nbauth.signin.client.token_cache import copy_account, drop_tokens
from nbauth.signin.tokens.access_token import margin_of

__all__ = ["AccountTokens"]

_KINDS = msal.TokenCache.CredentialType


@dataclass(frozen=True)
class AccountTokens:
    """The entries of one account and application in one of MSAL's token caches.

    Attributes:
        cache: MSAL's token cache.
        home_account_id: the account's key in it.
        client_id: the application.
    """

    cache: msal.TokenCache = field(repr=False)
    home_account_id: str
    client_id: str

    def in_cache(self, cache: msal.TokenCache) -> AccountTokens:
        """Return what another cache holds of the same account and application."""
        return AccountTokens(cache, self.home_account_id, self.client_id)

    def copy_to(self, cache: msal.TokenCache) -> None:
        """Add them to another cache."""
        copy_account(self.cache, cache, home_account_id=self.home_account_id, client_id=self.client_id)

    def copied(self) -> AccountTokens:
        """Return them as they are now, in a cache of their own that can be serialized."""
        cache = msal.SerializableTokenCache()
        self.copy_to(cache)
        return self.in_cache(cache)

    def replace_with(self, cache: msal.TokenCache) -> None:
        """Put what another cache holds of the account in their place."""
        self.drop()
        self.in_cache(cache).copy_to(self.cache)

    def drop(self) -> None:
        """Remove the tokens; the account stays."""
        drop_tokens(self.cache, home_account_id=self.home_account_id, client_id=self.client_id)

    def account(self) -> dict[str, Any] | None:
        """Return MSAL's account, or None where the cache has none."""
        query = {"home_account_id": self.home_account_id}
        return next(iter(list(self.cache.search(_KINDS.ACCOUNT, query=query))), None)

    def refresh_tokens(self) -> set[str]:
        """Return the refresh tokens."""
        entries = self.cache.search(_KINDS.REFRESH_TOKEN, query=self._query)
        return {str(entry.get("secret")) for entry in entries}

    def access_token(
        self, scopes: tuple[str, ...], *, realm: str, unwanted: tuple[str | None, ...]
    ) -> HiddenMapping | None:
        """Return the access token that lives longest, as MSAL would. MSAL itself takes none that ends within 300 s.

        Args:
            scopes: what it must be good for.
            realm: MSAL's word for the tenant that it is of.
            unwanted: tokens that are no answer.
        """
        query, now, longest = {**self._query, "realm": realm}, time.time(), None
        for entry in list(self.cache.search(_KINDS.ACCESS_TOKEN, target=without_reserved_scopes(scopes), query=query)):
            cached_at, expires_at = int(entry["cached_at"]), int(entry["expires_on"])
            is_good = expires_at - now > margin_of(expires_at - cached_at)
            is_longer = longest is None or expires_at > int(longest["expires_on"])
            if is_good and is_longer and entry["secret"] not in unwanted:
                longest = entry
        if longest is None:
            return None
        answer = {
            "access_token": longest["secret"],
            "expires_in": int(int(longest["expires_on"]) - now),
            "token_type": "Bearer",
        }
        return HiddenMapping({**answer, "refresh_on": longest["refresh_on"]} if "refresh_on" in longest else answer)

    @property
    def _query(self) -> dict[str, str]:
        return {"home_account_id": self.home_account_id, "client_id": self.client_id}
