"""A sign-in that another process lends: which of its rows of `apis` it lends, whom to ask for a token, and for which.

Nobody signs in in a worker. It is told of some profiles (`BorrowedProfile`: nothing of it is secret), and asks for each
token the kernel that signed in (`Lender`), which alone uses the refresh token, as it does for its forked children. How
question and answer travel is the lender's: by a socket of this machine, or by a scheduler between machines.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from nbauth.errors import ProviderUnavailable
from nbauth.signin.profile.profile import Profile
from nbauth.signin.tokens.access_token import digest_of
from nbauth.signin.tokens.fork_channel import ForkSource
from nbauth.signin.tokens.refresh_lock import RefreshLock

if TYPE_CHECKING:
    from collections.abc import Callable

    import msal

    from nbauth.errors import SignInRequired
    from nbauth.signin.tokens.access_token import AccessToken
    from nbauth.signin.tokens.token_sources import ParentKernel, TokenRequest, TokenSource

__all__ = ["BorrowedProfile", "BorrowedSource", "Lender"]


@dataclass(frozen=True, kw_only=True)
class BorrowedProfile:
    """What a worker is told of one profile: where its tokens may go, and as whom; nothing of it is secret.

    Attributes:
        profile: name of the profile.
        apis: for each origin the scopes that it needs, as in the profile.
        client_id: the application's id at the provider.
        authority: the keys of the profile that say where it signs in.
        account: the provider's stable key of the account, or an application's client id.
        username: the person's sign-in name, for messages and the list of who is signed in.
        name: the person's display name.
        tenant_id: the tenant that the account lives in.
        kind: ``"person"`` or ``"application"``.
        ca_bundle: path of the profile's certificate authorities; the file has to be where the worker is, too.
        client_capabilities: the profile's.
        is_default: whether it is the kernel's default profile; the worker's own ``nbauth.toml`` may name another one.
    """

    profile: str
    apis: dict[str, tuple[str, ...]]
    client_id: str
    authority: dict[str, str]
    account: str
    username: str
    name: str
    tenant_id: str
    kind: Literal["person", "application"]
    ca_bundle: str | None = None
    client_capabilities: tuple[str, ...] = ()
    is_default: bool = False

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Return the profile that `to_json` wrote."""
        fields = dict(document)
        fields["apis"] = {url: tuple(scopes) for url, scopes in fields["apis"].items()}
        fields["client_capabilities"] = tuple(fields["client_capabilities"])
        return cls(**fields)

    def to_json(self) -> dict[str, Any]:
        """Return it as what JSON knows."""
        return dataclasses.asdict(self)

    def as_profile(self) -> Profile:
        """Return the profile for the worker. It has no credential of its own, so that nothing but the lender serves it.

        Raises:
            ConfigError: the file of its certificate authorities is not there.
        """
        return Profile(
            self.profile,
            client_id=self.client_id,
            apis=self.apis,
            ca_bundle=self.ca_bundle,
            client_capabilities=self.client_capabilities,
            kind="person",
            **self.authority,  # type: ignore[arg-type]  # texts, as the profile had them
        )


class Lender(Protocol):
    """Whom a worker asks: the kernel that signed in, however far away it is."""

    def ask(
        self,
        profile: str,
        account: str,
        scopes: tuple[str, ...],
        *,
        rejected_digest: str | None,
        claims: str | None,
        life_s: float,
    ) -> AccessToken:
        """Return the kernel's token for one row of `apis`.

        It may be called in any thread, and in several at once for other scopes. `tokens.token_wire.token_of` makes
        the token, or the error, of what `signin.lending.Lending.reply_to` replied in the kernel.

        Args:
            profile: name of the profile.
            account: the account that the worker was told of; the kernel gives no other one's token.
            scopes: the row's.
            rejected_digest: `digest_of` a token that an API refused: the kernel gives another one.
            claims: the claims that the token must have, as JSON (OpenID Connect Core §5.5).
            life_s: seconds that it must be good for at least.

        Raises:
            NbauthError: as in the kernel, such as `SignInRequired` after a sign-out there.
            ProviderUnavailable: the kernel cannot be asked now.
        """


class BorrowedSource:
    """The kernel that lends this sign-in: it renews, and ends it.

    Args:
        profile: the worker's profile.
        account: whose tokens.
        lender: whom to ask.
    """

    def __init__(self, profile: Profile, account: str, lender: Lender) -> None:
        self.refresh_lock = RefreshLock()
        self.ended: SignInRequired | None = None
        self._profile = profile
        self._account = account
        self._lender = lender

    def renew(self, request: TokenRequest, present: AccessToken | None) -> AccessToken:
        """Ask the kernel, which looks after the present token, too."""
        rejected_digest = None if request.rejected is None else digest_of(request.rejected)
        try:
            return self._lender.ask(
                self._profile.name,
                self._account,
                request.scopes,
                rejected_digest=rejected_digest,
                claims=request.claims,
                life_s=request.life_s,
            )
        except ProviderUnavailable:
            if request.claims is None and (kept := request.meanwhile(present)) is not None:
                return kept
            raise

    def sign_out(self, holder: object) -> None:
        """Leave the kernel's sign-in as it is: a worker ends its own alone."""

    def connect_by(self, connect: Callable[[], msal.ClientApplication]) -> None:
        """Do nothing: the kernel has the client application."""

    def in_child(
        self, key: str, parent: ParentKernel | None, connect: Callable[[], msal.ClientApplication]
    ) -> TokenSource:
        """Return a source that asks this worker, since what the lender is reached by need not survive a fork."""
        del connect
        return ForkSource(self._profile, key, parent, ended=self.ended)
