"""TokenSource: where a credential's tokens come from.

A credential knows which tokens are good, and who waits for one. Its source knows how a new one is had: by MSAL
(`msal_sources`), for a user who vouched (`on_behalf_of`), or from the kernel that this process was forked from
(`fork_channel`). A further way to get tokens is one more class with these methods.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import msal

    from nbauth.errors import SignInRequired
    from nbauth.net.secrecy import HiddenText
    from nbauth.signin.tokens.access_token import AccessToken
    from nbauth.signin.tokens.refresh_lock import RefreshLock

__all__ = ["ParentKernel", "TokenRequest", "TokenSource"]

# An API that refuses the token which took a refused one's place refuses the next one, too.
_SETTLED_S = 30.0


@dataclass(frozen=True)
class TokenRequest:
    """What a renewal is for. Threads that wait for the same share one renewal.

    Attributes:
        scopes: what the token must be good for.
        rejected: the token that an API refused, if one did.
        claims: the claims that the token must have, as JSON, or None.
        life_s: how many seconds it must be good for at least.
    """

    scopes: tuple[str, ...]
    rejected: HiddenText | None = field(default=None, repr=False)
    claims: str | None = None
    life_s: float = 0.0

    def is_met_by(self, token: AccessToken) -> bool:
        """Tell whether a token, renewed for somebody else meanwhile, is what is wished for."""
        is_other = token.secret != self.rejected and self.claims in (None, token.claims)
        return is_other and token.is_good(max(token.margin_s, self.life_s))

    def is_in_vain(self, token: AccessToken) -> bool:
        """Tell whether an API refuses what it was given a moment ago in the place of a refused one."""
        return token.secret == self.rejected and self.claims in (None, token.claims) and token.is_fresh(_SETTLED_S)

    def meanwhile(self, present: AccessToken | None) -> AccessToken | None:
        """Return the token at hand where it may serve until its source answers again: valid, and refused by no API.

        A source that is down for a while must not end a long load.
        """
        return present if present is not None and present.secret != self.rejected and present.is_good(0) else None


class ParentKernel(Protocol):
    """The kernel that this process was forked from, which alone uses the refresh tokens."""

    def ask(
        self, key: str, scopes: tuple[str, ...], *, rejected: str | None, claims: str | None, life_s: float
    ) -> AccessToken | None:
        """Return its token for the credential of a key, or None where it has ended or is not signed in any more."""


class TokenSource(Protocol):
    """Gets the tokens of one credential, and asks no person for them."""

    @property
    def refresh_lock(self) -> RefreshLock:
        """Held by whoever calls `renew`, so that one thread at a time uses a refresh token."""

    @property
    def ended(self) -> SignInRequired | None:
        """Why the sign-in was ended without a sign-out, if it was. Its tokens are good no longer."""

    def renew(self, request: TokenRequest, present: AccessToken | None) -> AccessToken | None:
        """Get a token.

        Args:
            request: what it is for.
            present: the token at hand for these scopes, if there is one; it was found not to be enough.

        Returns:
            The token; `present` itself where the provider is down and it is still valid; None where no token can be
            had without the person.

        Raises:
            SignInRequired: a person has to sign in.
            SignInFailed: the provider refuses the application.
            ProviderUnavailable: there is no valid token and the provider cannot be reached.
        """

    def sign_out(self, holder: object) -> None:
        """Remove the tokens that it keeps, but for those that another credential stands on.

        Args:
            holder: the credential that is signed out.
        """

    def connect_by(self, connect: Callable[[], msal.ClientApplication]) -> None:
        """Take the client application from `connect` at each renewal."""

    def in_child(
        self, key: str, parent: ParentKernel | None, connect: Callable[[], msal.ClientApplication]
    ) -> TokenSource:
        """Return the source for the same credential in a forked child, with a lock of its own.

        Args:
            key: the credential's.
            parent: the kernel that renews; None where it cannot be asked.
            connect: returns the child's own client application.
        """
