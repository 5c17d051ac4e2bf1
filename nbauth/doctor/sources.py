"""A profile's sources: which of them has a sign-in, and why the others have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.doctor.finding import Finding, failed
from nbauth.errors import NbauthError
from nbauth.signin.profile.source_names import LOGIN
from nbauth.signin.sources import find
from nbauth.signin.sources.source import NotThere, Wish, asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.connection import Connection

__all__ = ["examine"]


def examine(profile: Profile, connect_to: Callable[[Profile], Connection]) -> Iterator[Finding]:
    """Yield what each source of a profile says, for the first row of its `apis`.

    Args:
        profile: one with `source`.
        connect_to: returns a connection of the profile, for a source whose token has to be exchanged.
    """
    topic = f"profile {profile.name}"
    wish = Wish(profile=profile, scopes=profile.login_scopes, connect=connect_to)
    missing: list[NotThere] = []
    is_there = False
    for name in profile.source:
        if name == LOGIN:
            is_there = True  # a person can be asked
            continue
        try:
            given = asked(find(name), wish)
        except NotThere as error:
            missing.append(error)
            yield Finding(
                topic=topic, level="note", text=f"source {name} has no sign-in: {error.reason}.", cure=error.step
            )
        except NbauthError as error:
            is_there = True  # the others are not asked, and this is said already
            yield failed(topic, error)
        else:
            which = "taken" if not is_there else "passed over, since one before it is there"
            is_there = True
            text = f"source {name} is signed in as {given.username} ({given.kind}), and is {which}."
            yield Finding(topic=topic, level="ok", text=text)
    if not is_there:
        text = f"none of its sources has a sign-in ({', '.join(profile.source)}), and nobody is asked."
        cure = next((error.step for error in missing if error.step is not None), None)
        cure = cure or f'Sign in there, or add "{LOGIN}" to source in {profile.written_in}.'
        yield Finding(topic=topic, level="error", text=text, cure=cure)
