"""Somebody at a browser, played over real HTTP: opens pages, reads their forms, presses buttons, keeps cookies."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPException
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import (
    HTTPCookieProcessor,
    HTTPRedirectHandler,
    HTTPSHandler,
    ProxyHandler,
    Request,
    build_opener,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Person", "PersonStuckError"]

_TIMEOUT_S = 15.0
_MOST_STEPS = 20
_UNSEEN = {"title", "style", "script"}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class PersonStuckError(Exception):
    """A page says something that does not lead on."""


@dataclass
class _Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Page:
    url: str
    status: int
    location: str | None
    html: str


class _Reader(HTMLParser):
    """Collects the forms and the words of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []
        self.words: list[str] = []
        self._skip = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._skip = tag in _UNSEEN
        if tag == "form":
            self.forms.append(_Form(given.get("action", "")))
        elif self.forms and tag == "input":
            name = given.get("name", "")
            self.forms[-1].fields[name] = given.get("value", "")
            if given.get("type", "text") != "hidden":
                self.forms[-1].typed.append(name)
        elif self.forms and tag == "button" and given.get("name"):
            self.forms[-1].buttons.append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._skip = False

    def handle_data(self, data: str) -> None:
        if not self._skip and data.strip():
            self.words.append(data.strip())


class _StayHere(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nothing: `Person` does, and sees each step."""


class Person:
    """Somebody with a browser of their own.

    Args:
        choose: whom they choose to be where a page asks: ``alice``, ``bob`` or ``cancel``.
        ca_file: a certificate authority that their browser trusts; needed only for pages over https.
    """

    def __init__(self, choose: str = "alice", *, ca_file: Path | str | None = None) -> None:
        self._choose = choose
        context = ssl.create_default_context(cafile=ca_file)
        self._browser = build_opener(
            ProxyHandler({}),
            HTTPSHandler(context=context),
            HTTPCookieProcessor(CookieJar()),
            _StayHere(),
        )

    def open(self, url: str, *, choose: str | None = None) -> str:
        """Sign in at an authorization URL, and go where that leads.

        Args:
            url: the authorization URL.
            choose: whom to be, if the page asks; as constructed by default.

        Returns:
            The address the browser ends at. If that is on this machine, its page was fetched; it does not matter
            whether anything answered. A fragment is part of it, as in the address bar.

        Raises:
            PersonStuckError: a page says something else than who one is.
        """
        address, form = self._sign_in(url, choose or self._choose)
        if urlsplit(address).hostname in _LOOPBACK:
            with contextlib.suppress(URLError, OSError, HTTPException):
                self._get(address.partition("#")[0], form)
        return address

    def address_after(self, url: str, *, choose: str | None = None) -> str:
        """Sign in, and return the address that the browser would go to, without going there.

        With `response_mode=form_post`, what would be posted is added as a query.
        """
        address, form = self._sign_in(url, choose or self._choose)
        return f"{address}?{urlencode(form)}" if form else address

    def enter_code(self, verification_uri: str, user_code: str, *, choose: str | None = None) -> str:
        """Type a device's code and say who one is.

        Returns:
            What the last page says.

        Raises:
            PersonStuckError: the code was not accepted.
        """
        page = self._get(verification_uri)
        form = _form_of(page)
        if not form.typed:
            raise PersonStuckError(_words(page))
        page = self._submit(page, form, {form.typed[0]: user_code})
        form = _form_of(page)
        if form.typed:
            raise PersonStuckError(_words(page))
        return _words(self._press(page, form, choose or self._choose))

    def open_logout(self, url: str) -> str:
        """Open a sign-out address.

        Returns:
            Where it redirects to; else what the page says.
        """
        page = self._get(url)
        return urljoin(url, page.location) if page.location else _words(page)

    def _sign_in(self, url: str, choose: str) -> tuple[str, dict[str, str] | None]:
        """Return where the client's part begins, and what is posted there, if anything."""
        home = _origin(url)
        page = self._get(url)
        for _ in range(_MOST_STEPS):
            if page.location:
                target = urljoin(page.url, page.location)
                if _origin(target) != home:
                    return target, None
                page = self._get(target)
                continue
            form = _form_of(page)
            target = urljoin(page.url, form.action)
            if _origin(target) != home:
                return target, form.fields
            page = self._press(page, form, choose)
        raise PersonStuckError("The pages lead in circles.")

    def _press(self, page: _Page, form: _Form, choose: str) -> _Page:
        for name, value in form.buttons:
            if value == choose:
                return self._submit(page, form, {name: value})
        offered = ", ".join(value for _, value in form.buttons)
        raise PersonStuckError(f"The page offers {offered or 'nothing'}, not {choose}: {_words(page)}")

    def _submit(self, page: _Page, form: _Form, filled: Mapping[str, str]) -> _Page:
        return self._get(urljoin(page.url, form.action), {**form.fields, **filled})

    def _get(self, url: str, form: Mapping[str, str] | None = None) -> _Page:
        data = None if form is None else urlencode(form).encode()
        request = Request(url, data=data, headers={"Accept": "text/html"})  # noqa: S310  (http and https alone are installed)
        try:
            answer = self._browser.open(request, timeout=_TIMEOUT_S)
        except HTTPError as error:
            answer = error
        with answer:
            return _Page(url, answer.status, answer.headers["Location"], answer.read().decode("utf-8", "replace"))


def _form_of(page: _Page) -> _Form:
    reader = _Reader()
    reader.feed(page.html)
    if not reader.forms:
        raise PersonStuckError(f"{page.status}: {' '.join(reader.words)}")
    return reader.forms[0]


def _words(page: _Page) -> str:
    reader = _Reader()
    reader.feed(page.html)
    return " ".join(reader.words)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
