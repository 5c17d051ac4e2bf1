"""Somebody at a browser, who finds the way through login, consent and code pages that nobody here wrote."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from bs4 import BeautifulSoup, Tag

from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import PersonStuckError
from nbauth.errors import SignInCancelled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_YES = re.compile(r"authorize|accept|continue|next|verify|log ?in|sign[- ]?in|yes", re.IGNORECASE)
_LEAVE = re.compile(r"log ?out|sign me out|end session", re.IGNORECASE)
_NO = re.compile(r"cancel|abort|deny", re.IGNORECASE)
_CODE = re.compile(r"code", re.IGNORECASE)
_MOST_STEPS = 20
_TIMEOUT_S = 30


@dataclass(frozen=True)
class _Place:
    """Where the browser goes next: a URL, and what is posted there, if anything."""

    url: str
    form: dict[str, str] | None = None


class Visitor:
    """Somebody with a browser of their own, which keeps its cookies.

    Args:
        ca_file: the certificate authority that the browser trusts.

    Attributes:
        logins: how often a password was asked for.
    """

    def __init__(self, ca_file: Path) -> None:
        self.logins = 0
        self._browser = requests.Session()
        self._browser.trust_env = False
        self._browser.verify = str(ca_file)

    def open(self, url: str, *, choose: str) -> str:
        """Sign in at an authorization address, and follow the redirect to who listens.

        Args:
            url: the address.
            choose: ``alice`` or ``bob``, who agrees to everything, or ``cancel``: Alice, who does not.

        Raises:
            PersonStuckError: the pages lead nowhere; it says what the last one says.
        """
        place = self._away(url, choose)
        with contextlib.suppress(requests.ConnectionError):  # whether anybody listens is not the browser's business
            self._get(place)
        return place.url

    def address_after(self, url: str, *, choose: str) -> str:
        """Sign in, and return what the address bar shows after the redirect."""
        place = self._away(url, choose)
        return f"{place.url}?{urlencode(place.form)}" if place.form else place.url

    def enter_code(self, verification_uri: str, user_code: str, *, choose: str) -> str:
        """Type a device's code, sign in, and return what the last page says."""
        away, words = self._walk(verification_uri, choose, code=user_code)
        if away is not None:
            raise PersonStuckError(f"led away to {away.url}")
        return words

    def end_session(self, url: str) -> str:
        """Open a sign-out address, agree, and return what the last page says."""
        away, words = self._walk(url, "alice")
        return words if away is None else away.url

    def _away(self, url: str, choose: str) -> _Place:
        away, words = self._walk(url, choose)
        if away is None:
            raise PersonStuckError(words)
        return away

    def _walk(self, url: str, choose: str, *, code: str | None = None) -> tuple[_Place | None, str]:
        """Go on until a page leads to another host, or nowhere."""
        home, place = urlsplit(url).netloc, _Place(url)
        for _ in range(_MOST_STEPS):
            answer = self._get(place)
            page = BeautifulSoup(answer.text, "html.parser")
            if answer.is_redirect:
                following = _Place(urljoin(place.url, answer.headers["Location"]))
            else:
                following = self._next(page, place.url, choose, code)
            if following is None:
                return None, f"{answer.status_code}: {page.get_text(' ', strip=True)}"
            if following.form is not None and code in following.form.values():
                code = None
            if urlsplit(following.url).netloc != home:
                return following, ""
            place = following
        raise PersonStuckError("The pages lead in circles.")

    def _get(self, place: _Place) -> requests.Response:
        method = "GET" if place.form is None else "POST"
        # Django wants to know where a form was filled in.
        headers = {"Accept": "text/html", "Referer": place.url}
        return self._browser.request(
            method, place.url, data=place.form, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False
        )

    def _next(self, page: BeautifulSoup, url: str, choose: str, code: str | None) -> _Place | None:
        name = "alice" if choose == "cancel" else choose
        typed = {"password": f"{name}'s password", "text": name, "code": code or ""}
        if choose == "cancel" and (refusal := self._refusal(page, url, typed)):
            return refusal
        form = page.find("form")
        asked = [_kind(field) for field in form.select("input[name]")] if isinstance(form, Tag) else []
        if not isinstance(form, Tag) or (code is None and "code" in asked):
            return None
        self.logins += "password" in asked
        if {"password", "text", "code"} & set(asked):  # `text` alone: the first of two pages, or all that is asked
            return self._press(page, form, url, typed)
        for button in _buttons(page, form):
            if button.get("value") == choose:  # the demo asks who one is, and nothing else
                self.logins += 1
                return _submitted(form, url, button, {})
        if choose == "cancel" and (link := page.find("a", string=_NO)) is not None:
            return _Place(urljoin(url, str(link["href"])))
        return self._press(page, form, url, typed)

    def _refusal(self, page: BeautifulSoup, url: str, typed: dict[str, str]) -> _Place | None:
        for form in page.select("form"):
            for button in _buttons(page, form):
                if _NO.search(_label(button)):
                    return _submitted(form, url, button, typed)
        return None

    def _press(self, page: BeautifulSoup, form: Tag, url: str, typed: dict[str, str]) -> _Place | None:
        buttons = _buttons(page, form)
        if not buttons:
            return _submitted(form, url, None, typed)  # a script would press it
        for wish in (_YES, _LEAVE):
            for button in buttons:
                if wish.search(_label(button)):
                    return _submitted(form, url, button, typed)
        return None


def _label(button: Tag) -> str:
    return f"{button.get_text()} {button.get('value', '')}"


def _kind(field: Tag) -> str:
    kind = str(field.get("type", "text"))
    return "code" if kind == "text" and _CODE.search(str(field["name"])) else kind


def _buttons(page: BeautifulSoup, form: Tag) -> list[Tag]:
    inside = form.select("button, input[type=submit]")
    return [*inside, *(page.select(f'button[form="{form["id"]}"]') if form.get("id") else [])]


def _submitted(form: Tag, url: str, button: Tag | None, typed: dict[str, str]) -> _Place:
    fields = {
        str(field["name"]): typed.get(_kind(field)) or str(field.get("value", ""))
        for field in form.select("input[name]")
        if field.get("type") != "submit"
    }
    if button is not None and button.get("name"):
        fields[str(button["name"])] = str(button.get("value", ""))
    return _Place(urljoin(url, str(form.get("action") or "")), fields)


class Visiting(PersonPrompt):
    """A prompt behind which a visitor acts, and presses Cancel in the notebook where the provider's pages lead nowhere.

    Args:
        visitor: who signs in.
        choose: whom to be, as for `Visitor.open`.
        change: what to do to the address before it is opened, as an attacker or another setting would.

    Attributes:
        stuck: what the page said that led nowhere, if one did.
        shown: the addresses and codes that were shown.
    """

    def __init__(self, visitor: Visitor, choose: str = "alice", *, change: Callable[[str], str] = str) -> None:
        super().__init__(visitor, choose)  # type: ignore[arg-type]  # it does what a Person does
        self._change = change
        self.stuck = ""
        self.shown: list[str] = []

    def show_address(self, url: str, *, opened: bool) -> None:
        """Open the changed address."""
        self.shown.append(url)
        super().show_address(self._change(url), opened=opened)

    def show_code(self, user_code: str, verification_uri: str, *, expires_at: object) -> None:
        """Type the code."""
        self.shown += [user_code, verification_uri]
        super().show_code(user_code, verification_uri, expires_at=expires_at)  # type: ignore[arg-type]

    def ask_redirect(self, url: str) -> None:
        """Open the changed address and copy where it leads."""
        self.shown.append(url)
        super().ask_redirect(self._change(url))

    def wait(self, timeout_s: float) -> str | None:
        """Wait, and cancel when stuck."""
        try:
            return super().wait(timeout_s)
        except PersonStuckError as error:
            self.stuck = str(error)
            raise SignInCancelled("Cancelled.") from None
