"""What tests of tracebacks share: the secrets that were used, and a check that no exception shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from rendered_exceptions import leaks

import nbauth
from nbauth import kernel
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer

PASSPHRASE = "correct horse battery staple"


class Told(PersonPrompt):
    """A person's prompt that notes the secrets of the addresses it is shown, and may do something else instead."""

    def __init__(
        self, demo: DemoServer, known: set[str], choose: str = "alice", *, instead: dict[str, Callable[[], Any]]
    ) -> None:
        super().__init__(Person(choose, ca_file=demo.ca_file), choose)
        self._known = known
        self._instead = instead

    def _do(self, name: str, usual: Callable[[], Any]) -> Any:
        return self._instead[name]() if name in self._instead else usual()

    def _note(self, url: str) -> None:
        query = parse_qs(urlsplit(url).query)
        # The address holds the nonce's digest; the nonce itself stays in the kernel.
        self._known |= {*query.get("state", ()), *query.get("nonce", ())}

    def begin(self, request: Any) -> None:
        self._do("begin", lambda: None)

    def show_address(self, url: str, *, opened: bool) -> None:
        self._note(url)
        super_show = super().show_address
        self._do("show", lambda: super_show(url, opened=opened))

    def show_code(self, user_code: str, verification_uri: str, *, expires_at: Any) -> None:
        super_show = super().show_code
        self._do("show", lambda: super_show(user_code, verification_uri, expires_at=expires_at))

    def ask_redirect(self, url: str, *, channel: str | None = None) -> None:
        self._note(url)
        super_ask = super().ask_redirect
        self._do("show", lambda: super_ask(url, channel=channel))

    def wait(self, timeout_s: float) -> str | None:
        super_wait = super().wait
        answer: str | None = self._do("wait", lambda: super_wait(timeout_s))
        return answer

    def end(self, outcome: Any) -> None:
        super_end = super().end
        self._do("end", lambda: super_end(outcome))


class Watch:
    """The demo, what was secret in a test, and the exceptions that showed it."""

    def __init__(self, demo: DemoServer, known: set[str]) -> None:
        self.demo = demo
        self.known = known
        self.seen: dict[str, list[str]] = {}
        self.errors: dict[str, BaseException] = {}

    @property
    def secrets(self) -> set[str]:
        """All that must not be shown."""
        return {secret for secret in self.demo.provider.issued_secrets | self.known if len(secret) >= 12}

    def prompt(self, choose: str = "alice", **instead: Callable[[], Any]) -> Told:
        """Return a prompt behind which somebody signs in."""
        return Told(self.demo, self.known, choose, instead=instead)

    def fails(self, name: str, act: Callable[[], Any]) -> BaseException:
        """Do what fails, and look at all that its exception shows."""
        try:
            act()
        except BaseException as error:
            caught = error
        else:
            pytest.fail(f"{name} did not fail")
        self.errors[name] = caught
        if found := leaks(caught, self.secrets):
            self.seen[name] = found
        return caught

    def sign_in(self) -> Any:
        """Sign Alice in and return her credential."""
        nbauth.login("demo", flow="paste", prompt=self.prompt(), timeout_s=20)
        profile = kernel.config().profiles["demo"]
        return kernel.credential_of(profile, profile.login_scopes)


@pytest.fixture
def watch(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Return what does things that fail, and finds secrets in their exceptions."""
    from msal.oauth2cli import oauth2

    known: set[str] = {PASSPHRASE}
    make = oauth2._generate_pkce_code_verifier

    def noted(*args: Any) -> Any:
        # One that is never redeemed reaches nobody who could tell it.
        made = make(*args)
        known.add(made["code_verifier"])
        return made

    monkeypatch.setattr(oauth2, "_generate_pkce_code_verifier", noted)
    return Watch(demo, known)
