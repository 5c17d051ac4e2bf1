"""``nbauth demo --check``: the main job with nobody there, over the real pages and with the public functions."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nbauth.errors import NbauthError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from nbauth.demo.person import Person
    from nbauth.demo.server import DemoServer
    from nbauth.signin.flows.prompt import ApprovalRequest
    from nbauth.signin.flows.sign_in_request import SignInRequest
    from nbauth.signin.profile.account import Account

__all__ = ["PersonPrompt", "run"]


class PersonPrompt:
    """A prompt behind which a `Person` reads what is shown, and does it, in a browser of their own.

    Args:
        person: who signs in.
        choose: ``"alice"``, ``"bob"`` or ``"cancel"``: what they press.
        approves: whether they approve of a configuration that came with a folder.
    """

    opens_addresses = True

    def __init__(self, person: Person, choose: str, *, approves: bool = False) -> None:
        self._approves = approves
        self._person = person
        self._choose = choose
        self._thread: threading.Thread | None = None
        self._pasted: str | None = None
        self._trouble: Exception | None = None

    def ask_approval(self, request: ApprovalRequest) -> None:
        """Read what the configuration would do, and answer."""
        del request
        self._pasted = "yes" if self._approves else "no"

    def end_approval(self) -> None:
        """Go on."""

    def begin(self, request: SignInRequest) -> None:
        """Read which application asks."""

    def page(self) -> None:
        """Tell that this is no page."""

    def offer(self, ways: tuple[str, ...]) -> None:
        """Offer nothing: the flow is named on the line."""

    def show_address(self, url: str, *, opened: bool) -> None:
        """Open the address, choose, and follow the redirect to the listener."""
        del opened
        self._start(lambda: self._person.open(url, choose=self._choose))

    def show_code(self, user_code: str, verification_uri: str, *, expires_at: datetime) -> None:
        """Open the page for codes, type the code and choose."""
        del expires_at
        self._start(lambda: self._person.enter_code(verification_uri, user_code, choose=self._choose))

    def ask_redirect(self, url: str, *, channel: str | None = None) -> None:
        """Open the address, choose, and copy where the browser ends up."""
        del channel

        def copy() -> None:
            self._pasted = self._person.address_after(url, choose=self._choose)

        self._start(copy)

    def tell(self, text: str) -> None:
        """Read it."""

    def wait(self, timeout_s: float) -> str | None:
        """Let time pass; hand over what was copied."""
        if self._thread is not None:
            self._thread.join(timeout_s)
            if not self._thread.is_alive():
                if self._trouble is not None:
                    raise self._trouble
                time.sleep(min(timeout_s, 0.02))  # the listener, or the next poll, takes it from here
        pasted, self._pasted = self._pasted, None
        return pasted

    def end(self, outcome: Account | NbauthError) -> None:
        """Close the browser."""
        del outcome
        if self._thread is not None and self._thread.is_alive():  # an interrupt may have come before its start
            self._thread.join(5)

    def _start(self, act: object) -> None:
        def guarded() -> None:
            try:
                act()  # type: ignore[operator]
            except Exception as error:  # noqa: BLE001 - raised in the thread that waits
                self._trouble = error

        self._thread = threading.Thread(target=guarded, daemon=True)
        self._thread.start()


def run(*, port: int = 0) -> int:
    """Sign Alice in, read everything, and say how it went.

    Args:
        port: port of the provider; 0 takes any.

    Returns:
        0 when it worked, 1 when anything failed.
    """
    from nbauth.demo.server import DemoServer

    try:
        with DemoServer(port=port) as demo, _apart(demo):
            _main_job(demo)
    except (NbauthError, OSError, AssertionError) as error:
        print(f"nbauth demo --check failed: {error}", file=sys.stderr)
        return 1
    return 0


def _main_job(demo: DemoServer) -> None:
    from nbauth import api as nbauth_api
    from nbauth.demo.person import Person

    with _step("sign Alice in", demo):
        prompt = PersonPrompt(Person("alice", ca_file=demo.ca_file), "alice")
        account = nbauth_api.login("demo", flow="loopback", timeout_s=60, prompt=prompt)
    print(f"    {account.name} ({account.username}), tenant {account.tenant_id}")
    with _step("read all rows", demo):
        frame = nbauth_api.read(f"{demo.api_url}/sunlight")
    print()
    print(frame.head().to_string(line_width=79, max_colwidth=26))
    print()
    print(frame.dtypes.to_string())
    print()
    print(f"{len(frame):,} rows × {len(frame.columns)} columns")
    if len(frame) != demo.rows:
        raise AssertionError(f"{demo.rows:,} rows were there to read, and {len(frame):,} came")
    with _step("sign out", demo):
        nbauth_api.logout("demo")
    print("Alice's browser made some of the requests to the provider.")


@contextmanager
def _step(what: str, demo: DemoServer) -> Iterator[None]:
    provider, api = demo.provider.requests, demo.api.requests
    before, started = (len(provider), len(api)), time.perf_counter()
    yield
    seconds = time.perf_counter() - started
    counts = (len(provider) - before[0], len(api) - before[1])
    print(f"{what}: {seconds:.2f} s, {counts[0]} requests to the provider, {counts[1]} to the API")


@contextmanager
def _apart(demo: DemoServer) -> Iterator[None]:
    """Work on the demo's profiles, in a directory of its own, without a browser; leave everything as it was."""
    from nbauth import kernel

    here, variables = Path.cwd(), dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="nbauth-check-") as directory:
        os.environ["NBAUTH_CONFIG"] = str(demo.config_path)
        os.environ["NBAUTH_NOTEBOOK_DIR"] = directory
        os.chdir(directory)
        kernel.reset()
        try:
            yield
        finally:
            kernel.reset()
            os.chdir(here)
            os.environ.clear()
            os.environ.update(variables)
