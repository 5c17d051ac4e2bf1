"""The error catalogue: what a provider's answer means, why it usually comes, and what mends it."""

from __future__ import annotations

import base64
import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote_plus, urlsplit

from nbauth.environment import detect
from nbauth.net.sanitize import clean
from nbauth.next_step import Login, NextStep, filled
from nbauth.signin.profile.added_scopes import ADDED, added_scopes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.signin.profile.profile import Profile

__all__ = ["NUMBER", "Entry", "Explained", "Kind", "Mends", "cure", "entries", "explain", "find", "find_words", "parts"]

Kind = Literal["sign_in_required", "refused", "failed", "config", "unavailable"]
Mends = Literal["person", "author", "administrator", "provider"]

NUMBER = re.compile(r"(?:AADSTS|AADB2C)\d{3,9}")
# Entra's pages write "Error Code: 50011" below; a number that stands alone is taken for one of Entra's, too.
_BARE_NUMBERS = (re.compile(r"^\W*(\d{5,9})\W*$"), re.compile(r"\berror code:?\s*(\d{5,9})\b", re.IGNORECASE))
# Google's error page has the error in its address alone: a length, the code, its words, packed in base64url.
_GOOGLES = re.compile(r"\bauthError=([\w-]{4,4000})")
_OAUTH_CODE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_LONGEST_TEXT = 20_000
_LONGEST_SCOPES = 100
_ENTRA_EXPLAINS = "https://login.microsoftonline.com/error?code="


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What some codes mean. Texts have placeholders, which `parts` fills.

    Attributes:
        codes: Entra's numbers and suberrors, and OAuth's error codes.
        words: what providers write that have no code for it, as patterns.
        general: the codes tell little: where the provider says more, the cause is left out.
        title: what happened.
        kind: which exception it is.
        mends: who can mend it: the person, the profile's author, an administrator, or the provider itself.
        cause: why it usually happens.
        cure: the next step.
        cures: the next step by situation, where it differs: ``device_code``, ``secret``, ``certificate``,
            ``assertion``, ``job``, or ``told`` where the provider says more in its own words.
        sources: addresses of who says so.
    """

    codes: tuple[str, ...]
    words: tuple[str, ...] = ()
    general: bool = False
    title: str
    kind: Kind
    mends: Mends
    cause: str
    cure: str
    cures: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Explained:
    """What an error on a provider's page means to whoever sees it.

    Attributes:
        code: the number or the code that was found in the text, or None where its words told.
        title: what happened.
        cause: why it usually happens; empty where nobody knows.
        next_step: what to do.
        sources: addresses of who says so.
        is_known: whether the catalogue has it; if not, the next step says who may.
    """

    code: str | None
    title: str
    cause: str
    next_step: NextStep
    sources: tuple[str, ...]
    is_known: bool = True

    def __str__(self) -> str:
        code = f" ({self.code})" if self.code else ""
        return " ".join(filter(None, (f"{_capital(self.title)}{code}.", _capital(self.cause), str(self.next_step))))


@cache
def entries() -> tuple[Entry, ...]:
    """Return the whole catalogue, in its file's order; read when the first error comes."""
    data = tomllib.loads(Path(__file__).with_name("errors.toml").read_text(encoding="utf-8"))
    sources = data["sources"]
    lists = ("codes", "words")
    return tuple(
        Entry(
            **{
                **each,
                **{name: tuple(each.get(name, ())) for name in lists},
                "sources": tuple(sources[name] for name in each["sources"]),
            }
        )
        for each in data["errors"]
    )


def find(*codes: str | None) -> Entry | None:
    """Return the entry of the first of some codes that the catalogue knows."""
    known = _by_code()
    return next((known[code] for code in codes if code in known), None)


def find_words(text: str) -> Entry | None:
    """Return the entry whose words stand in a provider's text."""
    return next((entry for pattern, entry in _by_words() if pattern.search(text)), None)


def explain(text: str, profile: Profile | None = None) -> Explained | None:
    """Say what an error on a provider's page means.

    Args:
        text: a number or a code, such as ``AADSTS50011``, ``50011`` or ``redirect_uri_mismatch``; or the text or the
            address of the page, as somebody pastes it.
        profile: the profile that was signing in, which the explanation then names.

    Returns:
        None where nothing in the text is known.
    """
    text = text[:_LONGEST_TEXT]
    text = f"{text} {unquote_plus(text)}" if "%" in text or "+" in text else text  # an address
    text += "".join(f" {_unpacked(packed)}" for packed in _GOOGLES.findall(text)[:1])
    numbers = [number.upper() for number in re.findall(NUMBER.pattern, text, re.IGNORECASE)]
    if not numbers:
        numbers = [f"AADSTS{found[1]}" for pattern in _BARE_NUMBERS for found in [pattern.search(text)] if found]
    codes = _OAUTH_CODE.findall(text.lower())
    for code in numbers:
        if entry := find(code):
            return _explained(entry, code, profile)
    if entry := find_words(text):
        return _explained(entry, None, profile)
    for code in codes:
        if entry := find(code):
            return _explained(entry, code, profile)
    return _unheard_of(numbers[0]) if numbers else None


def cure(entry: Entry, profile: Profile | None, *, flow: str | None = None, told: bool = False) -> str:
    """Return the next step of an entry that fits a situation, with its placeholders.

    Args:
        entry: of the catalogue.
        profile: whose sign-in, or None.
        flow: the flow that ran, or None.
        told: the provider says more in its own words.
    """
    is_job = profile is not None and profile.kind == "application"
    situations = ["device_code"] if flow == "device_code" and not is_job else []
    situations += [_credential(profile)[1]] if profile is not None else []
    situations += ["told"] if told else []
    situations += ["job"] if is_job else []
    fitting = next((entry.cures[name] for name in situations if name in entry.cures), None)
    # To sign a person in mends nothing for a job.
    for_a_person = "{login" in entry.cure or "{browser" in entry.cure
    return fitting or ("Check {where}." if is_job and for_a_person else entry.cure)


def _credential(profile: Profile) -> tuple[str, str]:
    """Return the key of the application's credential in its profile, and its kind."""
    if profile.client_secret is not None:
        return "client_secret", "secret"
    if profile.client_certificate is not None:
        return "client_certificate", "certificate"
    return ("client_assertion", "assertion") if profile.client_assertion is not None else ("its credential", "none")


def parts(profile: Profile | None, scopes: tuple[str, ...] = ()) -> tuple[dict[str, str], dict[str, Login]]:
    """Return what the placeholders stand for: words, and commands that sign a person in."""
    further = scopes if profile is not None and set(scopes) != set(profile.login_scopes) else ()
    name = None if profile is None else profile.name
    return _words(profile, scopes), {
        "login": Login(name),
        "login_scopes": Login(name, scopes=further),
        "login_account": Login(name, account="NAME"),
        "browser": Login(name, flow="loopback" if detect().is_local else "paste"),
    }


def _words(profile: Profile | None, scopes: tuple[str, ...]) -> dict[str, str]:
    if profile is None:
        return {
            "where": "nbauth.toml",
            "client_id": "that client_id names",
            "redirect_uri": "the redirect_uri",
            "scopes": "those of the profile",
            "asked": f"those of the profile (nbauth adds {' '.join(ADDED)})",
            "credential": "the credential",
            "host": "the provider",
            "tenant": "the tenant",
        }
    asked = clean(" ".join(scopes), _LONGEST_SCOPES)
    added = " ".join(scope for scope in added_scopes(profile) if scope not in scopes)
    path = urlsplit(profile.authority_url).path.strip("/").split("/")
    return {
        "where": profile.file or f"profile {profile.name!r}",
        "client_id": profile.client_id,
        "redirect_uri": profile.redirect_uri or "http://localhost",
        "scopes": asked or "none",
        "asked": f"{asked or 'none'} (nbauth adds {added})" if added else asked or "none",
        "credential": _credential(profile)[0],
        "host": profile.authority_host,
        "tenant": profile.tenant or profile.audience or path[0] or profile.authority_host,
    }


def _explained(entry: Entry, code: str | None, profile: Profile | None) -> Explained:
    words, logins = parts(profile, profile.login_scopes if profile else ())
    return Explained(
        code=code,
        title=entry.title.format_map(words),
        cause=entry.cause.format_map(words),
        next_step=filled(cure(entry, profile), {**words, **logins}),
        sources=entry.sources,
    )


def _unpacked(packed: str) -> str:
    """Return the words that stand in base64url; what is none of it becomes signs that mean nothing."""
    whole = packed[: len(packed) // 4 * 4]
    return "".join(c if c.isprintable() else " " for c in base64.urlsafe_b64decode(whole).decode("ascii", "replace"))


def _unheard_of(code: str) -> Explained:
    """Return who explains a number that the catalogue does not know."""
    page = f"{_ENTRA_EXPLAINS}{code.removeprefix('AADSTS')}"
    known = code.startswith("AADSTS")
    further = f"Microsoft may explain it: {page}" if known else "Ask whoever looks after the tenant's user flows."
    return Explained(
        code=code,
        title="this number is not in the catalogue of nbauth",
        cause="",
        next_step=NextStep((further,)),
        sources=(),
        is_known=False,
    )


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


@cache
def _by_code() -> Mapping[str | None, Entry]:
    return MappingProxyType({code: entry for entry in entries() for code in entry.codes})


@cache
def _by_words() -> tuple[tuple[re.Pattern[str], Entry], ...]:
    return tuple((re.compile(words, re.IGNORECASE), entry) for entry in entries() for words in entry.words)
