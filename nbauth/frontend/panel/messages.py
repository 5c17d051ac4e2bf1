"""What the panel and its page tell each other: what is shown, and what was done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbauth.frontend.tables import as_whom, signed_in_by
from nbauth.frontend.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbauth.signin.profile.account import Account
    from nbauth.signin.profile.profile import Profile


__all__ = ["Action", "View", "action_of", "signed_in_view"]


_LONGEST = 64 * 1024  # of what a person may paste


_KINDS = frozenset(
    {
        *("ready", "press", "approve", "opened", "redirect", "page_error", "cancel"),
        *("flow", "probed", "install", "sign_out", "switch", "use"),
    }
)


@dataclass(frozen=True, kw_only=True)
class View:
    """What the panel shows. It goes to the browser in a message, never into the widget's state.

    Attributes:
        step: ``idle``, ``approval``, ``starting``, ``open``, ``code``, ``finishing``, ``signed_in`` or ``failed``.
        heading: what this is.
        who: terms and texts, of one line or several: who asks, and where the tokens may go.
        status: what is happening, in words.
        reasons: what a configuration would do that the person is asked to approve of.
        alert: what went wrong.
        told: what came meanwhile, or what an error means that the person asked about.
        url: the address to open.
        channel: name of the channel that the callback page answers on.
        paste: a field for the redirect: ``"open"``, ``"closed"``, or None.
        code: the user code.
        verification_uri: where it is typed.
        expires_at: when the code expires, seconds since the epoch.
        good_until: when the token expires, seconds since the epoch.
        others: further accounts that are signed in.
        ways: other flows, as ``{"flow": …, "label": …}``.
        may_install: the callback page is missing and can be put in place.
    """

    step: str
    heading: str = ""
    who: tuple[tuple[str, str], ...] = ()
    status: str = ""
    reasons: tuple[str, ...] = ()
    alert: str = ""
    told: str = ""
    url: str | None = field(default=None, repr=False)
    channel: str | None = field(default=None, repr=False)
    paste: str | None = None
    code: str | None = field(default=None, repr=False)
    verification_uri: str | None = None
    expires_at: float | None = None
    good_until: float | None = None
    others: tuple[str, ...] = ()
    ways: tuple[dict[str, str], ...] = ()
    may_install: bool = False


@dataclass(frozen=True)
class Action:
    """Something that the person, or the page, did.

    Attributes:
        kind: one of the kinds that the panel sends.
        text: what was pasted, chosen or found.
        page: the facts of the page, for ``ready``.
    """

    kind: str
    text: str = field(default="", repr=False)
    page: dict[str, Any] | None = None


def signed_in_view(profile: Profile, account: Account, others: Iterable[str] = ()) -> View:
    """Make the view of somebody who is signed in."""
    by = signed_in_by(account)
    return View(
        step="signed_in",
        heading=printable(f"Signed in to {profile.name}"),
        status=printable(f"You are {as_whom(account)}{', signed in' if by else ''}{by}."),
        good_until=account.expires_at.timestamp(),
        others=tuple(printable(name) for name in others),
    )


def action_of(content: object) -> Action | None:
    """Read a message of the page; None where it is none of ours."""
    if not isinstance(content, dict) or content.get("kind") not in _KINDS:
        return None
    kind = content["kind"]
    if kind == "ready":
        facts = {key: content.get(key) for key in ("origin", "callback", "callback_served")}
        return Action(kind, page=facts)
    text = next((content[key] for key in ("text", "flow", "account") if key in content), "")
    if not isinstance(text, str) or len(text) > _LONGEST:
        return None
    return Action(kind, text)
