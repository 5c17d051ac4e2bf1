"""Who is signed in to which profile in one kernel, and which of them serves a profile now."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from nbauth.errors import SignInFailed, SignInRequired
from nbauth.signin.oidc import identity
from nbauth.signin.tokens.credential import Credential, SignedIn
from nbauth.signin.tokens.sign_in_required import not_signed_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nbauth.signin.profile.account import Account
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.connection import Connection

__all__ = ["SignIns", "in_another_tenant", "present"]


class SignIns:
    """The sign-ins of a kernel: by profile, in the order in which they were chosen, the present one last.

    One person may be signed in to several tenants, each with tokens of its own.
    """

    def __init__(self) -> None:
        self._groups: dict[str, dict[tuple[str, str], SignedIn]] = {}

    def __iter__(self) -> Iterator[SignedIn]:
        return iter(
            [s for group in list(self._groups.values()) for s in list(group.values()) if not s.credential.ended]
        )

    def of(self, profile: str) -> list[SignedIn]:
        """Return the sign-ins of a profile, the present one first."""
        return [s for s in list(self._groups.get(profile, {}).values())[::-1] if not s.credential.ended]

    def choose(self, signed_in: SignedIn) -> None:
        """Make a sign-in the present one of its profile; a new one takes the place of the same account's before."""
        account = signed_in.account
        group = self._groups.setdefault(account.profile, {})
        before = group.pop((account.home_account_id, account.tenant_id), None)
        if before is not None and before.credential is not signed_in.credential:
            before.credential.refresh_lock.leave(before.credential)  # the tokens are the new one's
        for key in [key for key, each in group.items() if each.credential.ended]:
            del group[key]
        signed_in.credential.refresh_lock.join(signed_in.credential)
        group[account.home_account_id, account.tenant_id] = signed_in

    def take(self, profiles: Iterable[str] | None) -> list[SignedIn]:
        """Take out the sign-ins of profiles; None takes all."""
        names = list(self._groups) if profiles is None else list(profiles)
        return [signed_in for name in names for signed_in in self._groups.pop(name, {}).values()]

    def serving(self, profile: Profile, scopes: tuple[str, ...]) -> SignedIn:
        """Return the present sign-in of a profile.

        A sign-in to another tenant of the same application (`login(tenant=…)`) serves the profile's APIs, too.

        Raises:
            SignInRequired: nobody is signed in.
        """
        found = self.find(profile)
        if found is None:
            raise not_signed_in(profile, scopes)
        return found

    def find(self, profile: Profile) -> SignedIn | None:
        """Return the present sign-in of a profile, or None.

        Raises:
            SignInRequired: it was ended without a sign-out.
        """
        for signed_in in self.of(profile.name):
            if _application(signed_in) == _application_of(profile):
                return signed_in
        ended = (s.credential.ended for s in list(self._groups.get(profile.name, {}).values())[::-1])
        error = next(filter(None, ended), None)
        if error is not None:
            raise error
        return None

    def fitting(self, profile: Profile, account: str | None, *, any_tenant: bool = False) -> list[SignedIn]:
        """Return the sign-ins of a profile's application and tenant, of an account if one is named.

        A name that several of them have is nobody's: names may be chosen freely, and somebody has to be asked.
        """
        fitting = [
            signed_in
            for signed_in in self.of(profile.name)
            if _application(signed_in) == _application_of(profile)
            # Scopes and origins may be edited while the kernel runs; another tenant is another sign-in.
            if _tenant_of(signed_in.credential.profile) == _tenant_of(profile)
            # A source is asked for the other tenant: no refresh token is at hand here that is good there.
            or (any_tenant and not signed_in.account.source)
        ]
        return identity.those_called(account, fitting, lambda signed_in: signed_in.account)

    def known(
        self,
        profile: Profile,
        account: str | None,
        scopes: tuple[str, ...],
        *,
        connect: Callable[[Profile], Connection],
    ) -> SignedIn | None:
        """Return who is signed in already and fits, if their token can be had silently; None where nobody is.

        Raises:
            ProviderUnavailable: it cannot be reached.
        """
        here = self.fitting(profile, account)
        for signed_in in here or self.fitting(profile, account, any_tenant=True):
            try:
                if not here:
                    return in_another_tenant(signed_in, connect(profile), scopes)
                signed_in.credential.token(scopes)
            except (SignInRequired, SignInFailed):
                continue  # whatever ended it, the person may try another way to sign in
            return signed_in
        return None


def in_another_tenant(known: SignedIn, connection: Connection, scopes: tuple[str, ...]) -> SignedIn:
    """Sign somebody who is signed in to one tenant in to another one of the provider, silently.

    Entra's refresh tokens are good in every tenant that the person is a member or guest of. Who they are was proven
    when they signed in; the provider says in the other tenant what they may do there.

    Raises:
        SignInRequired: the provider wants the person.
        ProviderUnavailable: it cannot be reached.
    """
    msal_account = known.credential.account
    assert msal_account is not None
    credential = Credential.of_person(connection, msal_account)
    credential.refresh_lock.join(credential)
    try:
        credential.token(scopes)
    except BaseException:
        credential.refresh_lock.leave(credential)
        raise
    account = dataclasses.replace(known.account, tenant_id=connection.tenant_id)
    return SignedIn(account, credential)


def present(signed_in: SignedIn) -> Account:
    """Return the account with what is known of its token now."""
    expires_at = signed_in.credential.expires_at() or signed_in.account.expires_at
    return dataclasses.replace(signed_in.account, expires_at=expires_at)


def _application(signed_in: SignedIn) -> tuple[object, ...]:
    return _application_of(signed_in.credential.profile)


def _application_of(profile: Profile) -> tuple[object, ...]:
    # Asked with other parameters, a token may be for another audience; and from another source, another person's.
    authority = profile.resolved_authority
    return profile.client_id, authority.instance_key, profile.authorization_parameters, profile.source


def _tenant_of(profile: Profile) -> str:
    return profile.resolved_authority.cache_key
