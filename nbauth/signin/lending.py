"""Lending: rows of `apis` that a kernel lends to processes without a sign-in, each for one account until it changes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

from nbauth.errors import NbauthError, OriginNotAllowed, SignInRequired
from nbauth.net.secrecy import clears_frames
from nbauth.process import visitors
from nbauth.signin.loans import Loan
from nbauth.signin.profile.resolve import by_name, default_name
from nbauth.signin.tokens.borrowed_source import BorrowedProfile
from nbauth.signin.tokens.token_wire import error_reply, token_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from nbauth.signin.profile.account import Account
    from nbauth.signin.profile.config import Config
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.credential import Credential

__all__ = ["Kernel", "Lending"]


_AUTHORITY_KEYS = ("authority", "oidc_authority", "tenant", "audience", "cloud", "instance")


class Kernel(Protocol):
    """The kernel that lends, as far as it is needed here: `nbauth.kernel`."""

    def config(self) -> Config:
        """Return the profiles that hold now."""

    def is_in_use(self, profile: Profile) -> bool:
        """Tell whether somebody is signed in to a profile."""

    def accounts(self) -> list[Account]:
        """Return who is signed in, the present account of each profile last."""

    def credential_of(self, profile: Profile, scopes: tuple[str, ...]) -> Credential:
        """Return the credential that serves a profile now."""

    def watch(self, method: Callable[[], None]) -> None:
        """Call a method after every change of the sign-ins."""

    def lent(self, holder: object, loan: Loan) -> None:
        """Note a loan, as long as its holder lives."""


class _Lent:
    """What is lent of one profile: to whom, and who was signed in where."""

    def __init__(self, profile: BorrowedProfile, who: tuple[str, str]) -> None:
        self.profile = profile
        self.who = who


class Lending:
    """What a kernel lends to one group of workers, and to nobody else.

    A loan ends with a sign-out, and when another account takes the profile over. It does not begin again by itself.

    Args:
        kernel: the kernel that lends.
        tool: who borrows, as a person is shown it, such as ``"processes started here"``.
        on_end: is called with the names of profiles whose loan has just ended, in whatever thread that is.

    Raises:
        SignInRequired: a server with several visitors runs here: which process is whose, nothing tells.
    """

    def __init__(self, kernel: Kernel, *, tool: str, on_end: Callable[[tuple[str, ...]], None] | None = None) -> None:
        here = visitors.whose()
        if here is not None:
            raise SignInRequired(
                f"{here.server} serves several visitors in this process, and a process that it starts belongs to "
                "none of them: no sign-in is shared.",
                next_step="Read in the visit itself.",
            )
        self._kernel = kernel
        self._tool = tool
        self._on_end = on_end
        self._lock = threading.Lock()
        self._lent: dict[str, _Lent] = {}
        kernel.watch(self._look)

    @property
    def profiles(self) -> tuple[BorrowedProfile, ...]:
        """What is lent now."""
        return tuple(lent.profile for lent in list(self._lent.values()))

    def add(self, profile: str | None = None) -> tuple[BorrowedProfile, ...]:
        """Lend the rows of a profile, to the account that is signed in to it now; None lends all that are in use.

        Returns:
            What is lent from now on.

        Raises:
            ConfigError: there is no such profile.
            SignInRequired: nobody is signed in.
        """
        config = self._kernel.config()
        chosen = [p for p in config.profiles.values() if profile is None and self._kernel.is_in_use(p)]
        return tuple(map(self._lend, chosen or [by_name(config, profile)]))

    def end(self, profiles: Collection[str] | None = None) -> None:
        """Lend profiles no longer; None ends all."""
        self._drop(tuple(name for name in list(self._lent) if profiles is None or name in profiles))

    @clears_frames
    def reply_to(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the reply to a worker's request: a token or an error, as `token_wire` has them.

        Args:
            request: the arguments of `Lender.ask` by their names. It is a process's that may be anybody's.

        Returns:
            The reply, which holds the token itself: it is for that one worker. Nothing to a request that is none.
        """
        try:
            profile, account, scopes = request["profile"], request["account"], tuple(request["scopes"])
            rejected_digest, claims = request["rejected_digest"], request["claims"]
            texts = (profile, account, *scopes, rejected_digest or "", claims or "")
            life_s = float(request["life_s"])
        except (KeyError, TypeError, ValueError):
            return {}
        if not all(isinstance(text, str) for text in texts):
            return {}
        try:
            with visitors.visiting(None):  # in whatever thread: it is lent by the one whose kernel this is
                credential = self._credential(profile, account, scopes)
                rejected = None if rejected_digest is None else credential.at_hand(rejected_digest)
                return token_reply(credential.access_token(scopes, rejected=rejected, claims=claims, life_s=life_s))
        except NbauthError as error:
            return error_reply(error)

    def _credential(self, profile: str, account: str, scopes: tuple[str, ...]) -> Credential:
        lent = self._lent.get(profile)
        if lent is None or lent.profile.account != account:
            raise SignInRequired(
                f"Profile {profile!r}: the kernel shares no sign-in to it here, or no longer.",
                profile=profile,
                scopes=scopes,
                next_step=_in_the_kernel(profile),
            )
        present = self._kernel.config().profiles.get(profile)
        if present is None or scopes not in lent.profile.apis.values() or scopes not in present.apis.values():
            raise OriginNotAllowed(
                f"Profile {profile!r}: no row of apis that is shared has the scopes {' '.join(scopes)!r}."
            )
        credential = self._kernel.credential_of(present, scopes)
        if _who(credential) != lent.who:
            raise SignInRequired(
                f"Profile {profile!r}: {lent.profile.username} is no longer who is signed in in the kernel.",
                profile=profile,
                scopes=scopes,
                next_step=_in_the_kernel(profile),
            )
        return credential

    def _lend(self, profile: Profile) -> BorrowedProfile:
        credential = self._kernel.credential_of(profile, profile.login_scopes)
        accounts = [account for account in self._kernel.accounts() if account.profile == profile.name]
        # Applications sign in when they are used.
        borrowed = _borrowed(
            profile,
            credential,
            accounts[-1] if accounts else None,
            is_default=default_name(self._kernel.config()) == profile.name,
        )
        lent = _Lent(borrowed, _who(credential))
        with self._lock:
            self._lent[profile.name] = lent
        self._kernel.lent(lent, Loan(profile.name, self._tool, ", ".join(borrowed.apis)))
        return borrowed

    def _look(self) -> None:
        """End the loans whose account is no longer who is signed in."""
        self._drop(tuple(name for name, lent in list(self._lent.items()) if not self._is_still(name, lent.who)))

    def _is_still(self, name: str, who: tuple[str, str]) -> bool:
        try:
            profile = self._kernel.config().profiles.get(name)
            if profile is None or not self._kernel.is_in_use(profile):
                return False
            return _who(self._kernel.credential_of(profile, profile.login_scopes)) == who
        except NbauthError:
            return False

    def _drop(self, names: tuple[str, ...]) -> None:
        with self._lock:
            ended = tuple(name for name in names if self._lent.pop(name, None) is not None)
        if ended and self._on_end is not None:
            self._on_end(ended)


def _borrowed(
    profile: Profile, credential: Credential, account: Account | None, *, is_default: bool
) -> BorrowedProfile:
    signed_in_by = credential.profile  # of the tenant that `login(tenant=…)` named
    given = {key: getattr(signed_in_by, key) for key in _AUTHORITY_KEYS}
    if signed_in_by.resolved_authority.kind in ("machine", "sources"):
        given = {"audience": "organizations"}  # it says none; here it is only shown
    return BorrowedProfile(
        profile=profile.name,
        apis=dict(profile.apis),
        client_id=signed_in_by.client_id
        or ("managed-identity" if signed_in_by.managed_identity else "signed-in-already"),
        authority={key: str(value) for key, value in given.items() if value is not None},
        account=credential.who,
        username=profile.client_id if account is None else account.username,
        name="" if account is None else account.name,
        tenant_id="" if account is None else account.tenant_id,
        kind=profile.kind or "person",
        ca_bundle=profile.ca_bundle,
        client_capabilities=profile.client_capabilities,
        is_default=is_default,
    )


def _who(credential: Credential) -> tuple[str, str]:
    return credential.who, credential.profile.authority_url  # the tenant is a part of it


def _in_the_kernel(profile: str) -> str:
    return f'In the kernel: nbauth.login("{profile}"), then nbauth.share().'
