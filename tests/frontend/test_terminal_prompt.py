"""A real terminal of 80 columns: terminal IPython, and scripts."""

from __future__ import annotations

import html
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit
from urllib.request import url2pathname

import pexpect
import pytest

from nbauth.demo.person import Person

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.demo.server import DemoServer

SCRIPT = "import nbauth; print(nbauth.login('demo', flow='{flow}', timeout_s=20).username)"


@pytest.fixture
def ipython(demo: DemoServer) -> Iterator[pexpect.spawn[str]]:
    """Return terminal IPython with the extension loaded."""
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--no-banner", "--simple-prompt", "--colors=NoColor"],
        env={**os.environ, "TERM": "dumb"},
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=30,
    )
    terminal.expect(r"In \[1\]: ")
    terminal.sendline("%load_ext nbauth")
    terminal.expect(r"In \[2\]: ")
    yield terminal
    terminal.close(force=True)


def _joined(text: str) -> str:
    return text.replace("\r\n", "")


def test_a_pasted_address_is_not_shown(demo: DemoServer, ipython: pexpect.spawn[str]) -> None:
    """In terminal IPython a person pastes an address of any length, and it is not shown."""
    ipython.sendline("%login demo --flow paste")
    ipython.expect("It is not shown.")
    found = re.search(r"http://localhost:\d+/\S+", ipython.before)
    assert found is not None
    address = Person("alice", ca_file=demo.ca_file).address_after(found.group())
    ipython.sendline(address + "&padding=" + "x" * 6000)
    ipython.expect("Signed in to demo as Alice Adams")
    code = re.search(r"code=([^&]+)", address)
    assert code is not None
    assert code.group(1)[:20] not in _joined(ipython.before)
    ipython.sendline("%whoami")
    ipython.expect(r"alice@contoso\.example")


def test_an_error_on_the_page(demo: DemoServer, ipython: pexpect.spawn[str]) -> None:
    """While it waits, a person types an error's number or text, is told what it means, and goes on."""
    ipython.sendline("%login demo --flow device_code")
    ipython.expect(r"open (\S+) on any device\s+and type the code (\S+) ")
    assert ipython.match is not None
    address, code = ipython.match.groups()
    ipython.expect("Does the page show an error. Type its number or text and press Enter.")
    ipython.sendline("AADSTS50011: The redirect URI does not match")
    ipython.expect(r"The redirect URI is not registered \(AADSTS50011\)")
    ipython.sendline("")
    ipython.sendline("the parrot is dead")
    ipython.expect("nbauth does not know this error")
    Person("alice", ca_file=demo.ca_file).enter_code(address, code)
    ipython.expect("Signed in to demo as Alice Adams")


def test_an_error_on_the_page_in_place_of_an_address(demo: DemoServer, ipython: pexpect.spawn[str]) -> None:
    """Where an address is asked for, an error may be typed in its place; the address is asked for again."""
    ipython.sendline("%login demo --flow paste")
    ipython.expect("in place of it")
    found = re.search(r"http://localhost:\d+/\S+", ipython.before)
    assert found is not None
    ipython.sendline("50011")
    ipython.expect(r"The redirect URI is not registered \(AADSTS50011\)")
    ipython.expect("in place of it")
    ipython.sendline(Person("alice", ca_file=demo.ca_file).address_after(found.group()))
    ipython.expect("Signed in to demo as Alice Adams")


def test_ctrl_c_ends_a_sign_in(demo: DemoServer, ipython: pexpect.spawn[str]) -> None:
    """Ctrl-C ends a sign-in with one clean line, and the next command works."""
    ipython.sendline("%login demo --flow device_code")
    ipython.expect("type the code")
    ipython.sendintr()
    ipython.expect(r"SignInCancelled: Profile 'demo': The sign-in was interrupted\. Run: %login demo")
    ipython.expect(r"In \[3\]: ")
    assert "Traceback" not in ipython.before
    ipython.sendline("1 + 1")
    ipython.expect("Out.*2")


def _first(output: IO[str], pattern: str) -> str:
    """Return what the pattern's group finds in the first of the next lines that it fits."""
    return next(found[1] for line in output if (found := re.search(pattern, line)))


def test_a_script_without_a_terminal(demo: DemoServer) -> None:
    """A script whose input and output are pipes can name device_code, and prints what to do at once."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(flow="device_code")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as script:
        assert script.stdout is not None
        address = _first(script.stdout, r"open (\S+) on any device")
        code = _first(script.stdout, r"type the code (\S+)")
        Person("bob", ca_file=demo.ca_file).enter_code(address, code)
        output, errors = script.communicate(timeout=30)
    assert output.splitlines()[-1] == "bob@contoso.example", errors


def test_a_script_that_asks_to_paste(demo: DemoServer) -> None:
    """A pipe can be pasted into; when it ends without an address, that is said."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(flow="paste")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert "SignInCancelled: Profile 'demo': There is no terminal to paste into." in done.stderr


def test_a_browser_on_this_machine(demo: DemoServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The browser's command line, which everybody on the machine can read, leads to a file of the user's alone.

    The file leads to the address, which is shown as text, too, and is gone after the sign-in.
    """
    note = tmp_path_factory.mktemp("browser") / "address"
    browser = note.with_name("browser")
    browser.write_text(f'#!/bin/sh\necho "$1" > {note}.new && mv {note}.new {note}\n')
    browser.chmod(0o700)
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(flow="loopback")],
        env={**os.environ, "BROWSER": str(browser)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as script:
        assert script.stdout is not None
        address = _first(script.stdout, r"^(http\S+\n)")
        for _ in range(200):
            if note.exists():
                break
            time.sleep(0.05)
        address = address.strip()
        (file,) = (Path(url2pathname(urlsplit(opened).path)) for opened in note.read_text().split())
        assert html.escape(address) in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        Person("alice", ca_file=demo.ca_file).open(address)
        output, _ = script.communicate(timeout=30)
    assert output.splitlines()[-1] == "alice@contoso.example"
    for name in ("state", "nonce", "code_challenge"):
        (secret,) = parse_qs(urlsplit(address).query)[name]
        assert secret not in note.read_text()
    assert not file.exists()


def test_fits_eighty_columns(demo: DemoServer, ipython: pexpect.spawn[str]) -> None:
    """What nbauth itself words fits 80 columns; addresses alone are longer."""
    ipython.sendline("%login demo --flow paste")
    ipython.expect("It is not shown.")
    lines = [line for line in ipython.before.splitlines() if "http" not in line and "Profile demo" not in line]
    assert max(map(len, lines)) <= 80
    ipython.sendintr()
