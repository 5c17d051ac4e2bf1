"""Which token a request may carry: the kernel's present sign-ins, one profile for each chain of requests."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from nbauth import kernel
from nbauth.environment import ask_by_panel, detect
from nbauth.errors import DataError, NbauthError, SignInRequired
from nbauth.net.origins import redact_url
from nbauth.net.secrecy import clears_frames
from nbauth.next_step import Login, to_run
from nbauth.process import visitors
from nbauth.process.shielded import load
from nbauth.signin.profile.resolve import by_name, by_url, naming

if TYPE_CHECKING:
    from nbauth.data.fetch.session import Session
    from nbauth.net.bundles import Bundle
    from nbauth.net.kept_connections import KeptConnections
    from nbauth.signin.profile.config import Config
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.access_token import AccessToken
    from nbauth.signin.tokens.credential import Credential

__all__ = ["KernelAuthorizer", "KernelChain", "load_session_of", "session_of"]


class KernelAuthorizer:
    """Which profile serves a URL: the present sign-ins, for the profiles as they were when it was made.

    In a server with several visitors it stays with the one in whose visit it was made: for another one it raises
    `SignInRequired`, however it was handed on. Applications serve every visitor.

    Args:
        profile: the one profile that it serves; None for all.
        is_one_load: whether all its chains are parts of one load, whose rows must not be of several people.
    """

    def __init__(self, profile: str | None, *, is_one_load: bool = False) -> None:
        self._config = kernel.config()
        self._only = None if profile is None else by_name(self._config, profile).name
        self._people: dict[str, tuple[str, ...]] | None = {} if is_one_load else None
        self._visitor = visitors.whose()

    @property
    def profiles(self) -> list[Profile]:
        """The profiles that it serves."""
        return [p for p in self._config.profiles.values() if self._only in (None, p.name)]

    def allows(self, url: str) -> bool:
        """Tell whether a profile of this session lists the URL's origin."""
        return bool(naming(self.profiles, url))

    def origins(self) -> tuple[str, ...]:
        """Return every origin that a token may go to."""
        return tuple(dict.fromkeys(origin for profile in self.profiles for origin in profile.apis))

    def kept_connections(self) -> KeptConnections:
        """Return the connections that stay open between loads."""
        return kernel.kept_connections(self._visitor, self.origins(), self._config)

    def chain(self, url: str) -> KernelChain:
        """Return the chain of requests that a URL begins, for the profile that serves it now.

        Raises:
            OriginNotAllowed: no profile names its origin.
            ConfigError: several do.
        """
        profile = by_url(self._config, url, only=self._only, ready=kernel.ready)
        return KernelChain(
            self._config, profile, visitor=self._visitor, people=self._people, was_named=self._only is not None
        )


class KernelChain:
    """The requests that one URL leads to: its redirects, next links, byte ranges and repetitions.

    They carry the tokens of one profile and one sign-in. Where they lead is the API's choice, not the caller's: an API
    must not spend another profile's token, nor may rows of two people come together.

    Args:
        config: every profile.
        profile: the one that serves it.
        visitor: whose visit it belongs to.
        people: who has been found to be signed in to each profile, where several chains are of one person.
        was_named: whether the caller named the profile.
    """

    def __init__(
        self,
        config: Config,
        profile: Profile,
        *,
        visitor: visitors.Whose,
        people: dict[str, tuple[str, ...]] | None = None,
        was_named: bool = False,
    ) -> None:
        self._config = config
        self._was_named = was_named
        self._profile = profile
        self._visitor = visitor
        self._people = {} if people is None else people
        # With the version of the kernel's sign-ins at which each was found.
        self._by_origin: dict[str, tuple[int, Credential, tuple[str, ...]]] = {}
        self._bundle: tuple[int, Bundle | None] | None = None

    @property
    def profile(self) -> str:
        """Name of the profile."""
        return self._profile.name

    def allows(self, url: str) -> bool:
        """Tell whether the profile lists the URL's origin."""
        return self._profile.scopes_for(url) is not None

    def token(self, url: str, *, rejected: str | None = None, claims: str | None = None) -> str:
        """Return the token for a URL's origin.

        Args:
            url: where the request goes.
            rejected: a token that the API answered with 401.
            claims: the claims that it asked for, as JSON.

        Raises:
            OriginNotAllowed: the profile does not name it.
            SignInRequired: a person has to sign in first.
            DataError: somebody else has signed in since the chain began.
        """
        credential, scopes = self._find(url)
        try:
            return credential.token(scopes, rejected=rejected, claims=claims)
        finally:
            del rejected  # an error takes this frame along, and not the token

    @clears_frames
    def access_token(
        self, url: str, *, rejected: str | None = None, claims: str | None = None, life_s: float = 0.0
    ) -> AccessToken:
        """Return the token with its times, good for `life_s` seconds at least; otherwise as `token`."""
        credential, scopes = self._find(url)
        return credential.access_token(scopes, rejected=rejected, claims=claims, life_s=life_s)

    def scopes(self, url: str) -> tuple[str, ...]:
        """Return what a URL's token is asked for.

        Raises:
            OriginNotAllowed: the profile does not name it.
        """
        return by_url(self._config, url, only=self.profile).scopes_for(url) or ()

    def who(self, url: str) -> str:
        """Return the profile and the account whose rows a URL gives, as one text. Nothing of it is secret."""
        credential, _ = self._find(url)
        return f"{credential.profile.name} {credential.who}"

    def step_up(self, url: str, claims: str) -> SignInRequired:
        """Return the error for claims that no token can get silently; the next `login` asks for them."""
        credential, scopes = self._find(url)
        return credential.step_up(scopes, claims)

    def refused(self, url: str, token: str) -> None:
        """Note that the API refuses a token that has just taken a refused one's place; the next `login` asks."""
        with contextlib.suppress(NbauthError):  # signed out of meanwhile: the next sign-in is another one anyhow
            credential, _ = self._find(url)
            credential.refuse(token)

    def others(self, url: str) -> tuple[str, ...]:
        """Return the names of the other profiles that list the URL's origin."""
        return tuple(p.name for p in naming(self._config.profiles.values(), url) if p.name != self.profile)

    def ca_bundles(self, url: str) -> tuple[Bundle, ...]:
        """Return the bundles that a URL's server may be known by, beside the usual authorities.

        They are its profile's own. Where the profile does not name it they are those of the profiles that do, as far
        as somebody is signed in to them: a profile that nobody has agreed to decides nothing. Nor does one that came
        with a folder and was not approved, or is no longer what was approved.
        """
        if self.allows(url):
            return self._own_bundles()
        known = naming(self._config.profiles.values(), url)
        with visitors.visiting(self._visitor):
            used = [kernel.trusted_bundle(p) for p in known if p.ca_bundle and kernel.is_in_use(p)]
        return tuple(sorted({bundle for bundle in used if bundle}, key=lambda bundle: (bundle.path, bundle.digest)))

    def _own_bundles(self) -> tuple[Bundle, ...]:
        if self._profile.ca_bundle is None:
            return ()
        # Each request asks, and whether it is approved takes a look at files.
        version = kernel.version()
        if self._bundle is None or self._bundle[0] != version:
            self._bundle = (version, kernel.trusted_bundle(self._profile))
        return () if self._bundle[1] is None else (self._bundle[1],)

    def _find(self, url: str) -> tuple[Credential, tuple[str, ...]]:
        version = kernel.version()
        place = "/".join(url.split("/", 3)[:3])
        known = self._by_origin.get(place)
        if known is None or known[0] != version:
            # Raises where the profile does not name it.
            scopes = by_url(self._config, url, only=self.profile).scopes_for(url) or ()
            self._check_visit(scopes)
            try:
                with visitors.visiting(self._visitor):
                    credential = kernel.credential_of(self._profile, scopes)
            except SignInRequired as error:
                self._add_job(error, url)
                raise
            self._check_person(credential, url)
            known = self._by_origin[place] = (version, credential, scopes)
        else:
            self._check_visit(known[2])
        return known[1:]

    def _add_job(self, error: SignInRequired, url: str) -> None:
        """Name the job's profile where no terminal is: nothing but the caller's word takes it in a person's place."""
        if self._was_named or self._config.chosen is not None or self._visitor is not None or detect().interactive:
            return
        if ask_by_panel(self.profile) is not None:  # somebody is there, and a panel asks them
            return
        jobs = [each.name for each in naming(self._config.profiles.values(), url) if each.kind == "application"]
        if jobs and self._profile.kind == "person":
            error.step = to_run(
                Login(self.profile), f"; or, for a job, set NBAUTH_PROFILE={min(jobs)} where it starts."
            )

    def _check_visit(self, scopes: tuple[str, ...]) -> None:
        if self._profile.is_personal:
            visitors.check_same(self._visitor, profile=self.profile, scopes=scopes)

    def _check_person(self, credential: Credential, url: str) -> None:
        who = _who(credential)
        if self._people.setdefault(self.profile, who) != who:
            shown_url = redact_url(url)
            raise DataError(
                f"{shown_url} was opened by another sign-in of profile {self.profile!r}.",
                url=shown_url,
                next_step="Open it again.",
            )


def _who(credential: Credential) -> tuple[str, ...]:
    profile, account = credential.profile, credential.account
    if account is None:
        return profile.name, profile.client_id
    return profile.name, str(account["home_account_id"]), profile.authority_url  # the tenant is a part of it


def session_of(authorizer: KernelAuthorizer) -> Session:
    """Return a session of its own; whether somebody is signed in shows when it sends."""
    load("nbauth.data.fetch.session")
    from nbauth.data.fetch.session import KernelSession

    return KernelSession(authorizer, kernel.trust())


def load_session_of(authorizer: KernelAuthorizer, *, may_repeat: bool = True) -> Session:
    """Return the session of a load, over connections that earlier ones have left open.

    Args:
        authorizer: which token a request may carry.
        may_repeat: whether its requests may be done twice. Else its connections are its own: a server may just be
            closing one that was left open, and then nobody knows what was done.
    """
    if not may_repeat:
        return session_of(authorizer)
    load("nbauth.data.fetch.session")
    from nbauth.data.fetch.session import KernelSession

    return KernelSession(authorizer, kernel.trust(), authorizer.kept_connections())
