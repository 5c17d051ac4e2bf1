"""Row: one row of a profile's `apis`, lent to another tool. What every adapter gets its tokens from."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NoReturn

from nbauth import kernel
from nbauth.authorizer import KernelAuthorizer
from nbauth.errors import DataError, OriginNotAllowed, SignInRequired
from nbauth.net.origins import api_origin_of, display_url
from nbauth.net.secrecy import clears_frames
from nbauth.next_step import Login, NextStep
from nbauth.signin.loans import Loan
from nbauth.signin.profile.added_scopes import ADDED
from nbauth.signin.profile.resolve import by_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbauth.net.bundles import Bundle
    from nbauth.signin.tokens.access_token import AccessToken

__all__ = ["Row"]

_GRAPH = "https://graph.microsoft.com"


class Row:
    """One row of `apis`: the token of its own scopes, of the sign-in that it was made in, and nothing else.

    The tool that holds it names neither scopes nor tenants: those that it asks for are compared with the row's
    (`check_scopes`, `check_tenant`), and the row's own token is what it gets. `kernel.loans` tells of it while it
    lives. After a sign-out it gets no token; after a new sign-in of the same person it goes on.

    Args:
        url: what the tool talks to; its origin names the row.
        profile: name of the profile; None for the one that names the origin.
        tool: what takes the tokens, as a person is shown it, such as ``"azure-core credential"``.
        life_s: seconds that each token must be good for at least. A tool that does not try again after a 401 needs a
            while, such as 1.5.

    Attributes:
        profile: name of the profile.
        origin: ``scheme://host[:port]``, as a person writes it.
        scopes: what the token is asked for.

    Raises:
        OriginNotAllowed: no profile names the origin.
        ConfigError: several do; or the configuration is wrong.
    """

    def __init__(self, url: str, profile: str | None = None, *, tool: str, life_s: float = 0.0) -> None:
        self._chain = KernelAuthorizer(profile).chain(url)
        server = api_origin_of(url)
        self._url = f"{server}/"
        self._tool = tool
        self._life_s = life_s
        self.profile = self._chain.profile
        self.origin = display_url(server)
        self.scopes = self._chain.scopes(self._url)
        with contextlib.suppress(SignInRequired):  # nobody yet: then it is bound to who is there at its first token
            self._chain.who(self._url)
        kernel.lent(self, Loan(self.profile, tool, self.origin))

    def __repr__(self) -> str:
        return f"<{self._tool} for {self.origin}, profile {self.profile!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} belongs to this kernel's sign-in and cannot be pickled")

    @clears_frames
    def access_token(self, *, rejected: str | None = None, claims: str | None = None) -> AccessToken:
        """Return the row's token with its times, renewed where there is need; nobody is asked.

        Args:
            rejected: a token that the tool's server answered with 401.
            claims: the claims that it asked for, as JSON (OpenID Connect Core §5.5).

        Raises:
            SignInRequired: nobody is signed in, or somebody else than when this was made.
            SignInFailed: the provider refuses the application.
            ProviderUnavailable: there is no valid token and the provider cannot be reached.
        """
        try:
            return self._chain.access_token(self._url, rejected=rejected, claims=claims, life_s=self._life_s)
        except DataError:
            error = self._of_another_sign_in()
        raise error

    def check_sign_in(self) -> None:
        """Make sure that the sign-in which this is of is still there, for a tool that goes on with an earlier token.

        No request is sent.

        Raises:
            SignInRequired: nobody is signed in, or somebody else than when this was made.
        """
        try:
            self._chain.who(self._url)
        except DataError:
            raise self._of_another_sign_in() from None

    def _of_another_sign_in(self) -> SignInRequired:
        return SignInRequired(
            f"{self!r} was made for another sign-in, and gives no token of this one.",
            profile=self.profile,
            scopes=self.scopes,
            next_step=NextStep(("Make it again, or sign in as before: ", Login(self.profile))),
        )

    def check_scopes(self, scopes: Iterable[str]) -> None:
        """Make sure that what a tool asks for is of the row's resource.

        Some tools take the resource from the answer of the server that they talk to. A hostile one names another.

        Raises:
            OriginNotAllowed: it is another resource.
        """
        own = {_resource(scope) for scope in self.scopes}
        for scope in scopes:
            if scope not in ADDED and _resource(scope) not in own:
                raise OriginNotAllowed(
                    f"{self!r} was asked for a token of {_resource(scope)!r}. Its row has {' '.join(self.scopes)}, so "
                    "it gives none.",
                    url=self.origin,
                    next_step="If the tool is to talk to it, make another one for its URL.",
                )

    def check_tenant(self, tenant_id: str | None) -> None:
        """Make sure that a tool asks for a token of the sign-in's own tenant, where it names one.

        Raises:
            OriginNotAllowed: it is another tenant.
        """
        if not tenant_id:
            return
        own = {account.tenant_id for account in kernel.accounts() if account.profile == self.profile}
        own.add(by_name(kernel.config(), self.profile).resolved_authority.tenant or "")
        if tenant_id.lower() not in {tenant.lower() for tenant in own}:
            raise OriginNotAllowed(
                f"{self!r} was asked for a token of tenant {tenant_id!r}, and its sign-in is in another one.",
                url=self.origin,
                next_step=NextStep(("Sign in there: ", Login(self.profile, tenant=tenant_id))),
            )

    def ca_bundles(self) -> tuple[Bundle, ...]:
        """Return the certificate authorities that the profile trusts beside the usual ones."""
        return self._chain.ca_bundles(self._url)


def _resource(scope: str) -> str:
    """Return the resource of a scope as Entra reads it: what stands before the last slash; Graph where none does.

    With one slash more at its end it is the same one here: Azure's tools write ``https://vault.azure.net//.default``.
    """
    resource = scope.rpartition("/")[0].rstrip("/").lower()
    return resource or _GRAPH
