"""A logout from start to end: the tokens of this kernel, what is remembered of them, the session at the provider."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nbauth.errors import NbauthError
from nbauth.process import visitors
from nbauth.process.visitors import Unnamed
from nbauth.signin.profile.resolve import to_forget
from nbauth.signin.remembered import service
from nbauth.signin.visits import keeps_sign_ins

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.signin.profile.config import Config
    from nbauth.signin.state import KernelState
    from nbauth.signin.tokens.credential import Credential

__all__ = ["logout"]

logger = logging.getLogger(__name__)


def logout(
    state: KernelState,
    config: Callable[[], Config],
    profile: str | None,
    *,
    show_address: Callable[[str, str], None] | None,
) -> tuple[str, ...]:
    """Sign out the one who calls: in a server with several visitors nobody else.

    Args:
        state: what the kernel holds.
        config: reads the profiles.
        profile: name of the profile; None signs out of every one.
        show_address: shows a text and the address that ends the session at the provider; None lets the session be.

    Returns:
        The user names that were signed in.

    Raises:
        ConfigError: there is no such profile, and nobody is signed in to one; or what is remembered cannot be deleted.
        ProviderUnavailable: the address that ends the session cannot be had.
    """
    here = visitors.whose()
    if isinstance(here, Unnamed):
        to_forget(config, profile, in_use=())  # raises where there is no such profile
        return ()
    visit, keeps = state.visits.of(here), keeps_sign_ins(here)
    in_use = {signed_in.account.profile for signed_in in visit.signed_in()}
    if here is None:
        in_use |= {credential.profile.name for credential in state.applications}
    named, unknown = to_forget(config, profile, in_use=in_use)
    names = None if profile is None else [each.name for each in named] or [profile]
    with state.lock:
        visit.signed_out |= {each.name for each in named if each.source}
        gone = visit.sign_ins.take(names) if visit.sign_ins else []
        credentials = [s.credential for s in gone if here is None or s.credential.profile.kind == "person"]
        if here is None:
            credentials += state.applications.take(names)
        connections = visit.connections.of_people() if visit.connections else []
    try:
        if keeps:
            service.forget([*named, *(s.credential.profile for s in gone)])
    finally:
        service.leave(gone)
        for credential in credentials:
            _sign_out(credential)
    state.changes.notify(here)
    if show_address is not None:
        from nbauth.signin.end_session import end_session

        for connection in [c for c in connections if names is None or c.profile.name in names]:
            usernames = [s.account.username for s in gone if s.account.profile == connection.profile.name]
            end_session(connection, usernames, show=show_address)
    if unknown is not None and keeps:
        raise unknown
    return tuple(s.account.username for s in gone)


def _sign_out(credential: Credential) -> None:
    try:
        credential.sign_out()
    except (
        NbauthError
    ) as error:  # its certificate authorities are gone, for one: the others are signed out all the same
        logger.warning("Profile %r: signed out, but for MSAL's cache: %s", credential.profile.name, error)
