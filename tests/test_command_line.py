from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from nbauth.__main__ import main
from nbauth.errors import ReadInterrupted, SignInRequired
from nbauth.next_step import Login, to_run
from nbauth.signin.profile import config as configuration

if TYPE_CHECKING:
    from nbauth.signin.profile.profile import Profile

CHECKOUT = Path(__file__).parent.parent


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not {".git", "__pycache__", ".venv"} & set(path.parts)}


def test_demo_check(apart: Path) -> None:
    """`nbauth demo --check` signs Alice in, reads every row, says so, and leaves no file behind."""
    before = _files(CHECKOUT / "nbauth") | _files(apart)
    done = subprocess.run(
        [sys.executable, "-m", "nbauth", "demo", "--check"], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert "50,000 rows × 9 columns" in done.stdout.splitlines()
    assert "Alice Adams (alice@contoso.example)" in done.stdout
    for step in ("sign Alice in", "read all rows", "sign out"):
        assert any(line.startswith(f"{step}: ") and " s, " in line for line in done.stdout.splitlines())
    assert _files(CHECKOUT / "nbauth") | _files(apart) == before


def test_check_says_what_failed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """When the port is taken, `--check` fails with one clear line."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["demo", "--check", "--port", str(taken.getsockname()[1])]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("nbauth demo --check failed: ")
    assert "in use" in line


def test_demo_serve(apart: Path) -> None:
    """`nbauth demo --serve` prints one line of JSON, serves what it says, and ends cleanly on SIGTERM and Ctrl-C."""
    for end in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen(
            [sys.executable, "-m", "nbauth", "demo", "--serve"], stdout=subprocess.PIPE, text=True
        ) as serving:
            assert serving.stdout is not None
            told = json.loads(serving.stdout.readline())
            assert set(told) >= {"authority", "client_ids", "api_url", "ca_file", "config"}
            profiles = configuration.load(Path(told["config"])).profiles
            assert profiles["demo"].authority_url == told["authority"]
            assert profiles["demo"].client_id == told["client_ids"]["public"]
            with pytest.raises(OSError, match="401"):
                urlopen(f"{told['api_url']}/me", timeout=5)
            serving.send_signal(end)
            assert serving.wait(10) == 0
        assert not Path(told["config"]).exists()


def test_demo_run(apart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`nbauth demo --run` runs a command whose kernels find the demo, ends with its status, and ends it on SIGTERM."""
    program = "import os, sys; print(os.environ['NBAUTH_CONFIG'], flush=True); sys.stdin.read(); sys.exit(3)"
    command = [sys.executable, "-m", "nbauth", "demo", "--run", sys.executable, "-c", program]
    for end, status in ((None, 3), (signal.SIGTERM, 0)):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            assert "/proxy/" in running.stdout.readline()
            config = Path(running.stdout.readline().strip())
            assert "demo" in configuration.load(config).profiles
            if end is None:
                running.communicate()
            else:
                running.send_signal(end)
            assert running.wait(10) == status
        assert not config.exists()
    assert main(["demo", "--run", "no-such-command", "--port"]) == 1
    assert "There is no command 'no-such-command' to run." in capsys.readouterr().err


def test_init_onto_a_link(apart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`nbauth init` does not write through a link, also where that leads nowhere."""
    (apart / "nbauth.toml").symlink_to("elsewhere")
    assert main(["init"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert [path.name for path in apart.iterdir()] == ["nbauth.toml"]


def test_init_and_profiles(apart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`nbauth init` writes a file that can be read, once; `nbauth profiles` lists what it holds."""
    assert main(["profiles"]) == 1
    assert main(["init"]) == 0
    assert configuration.load(apart / "nbauth.toml").default == "work"
    before = (apart / "nbauth.toml").read_text()
    assert main(["init"]) == 1
    assert (apart / "nbauth.toml").read_text() == before
    capsys.readouterr()
    assert main(["profiles"]) == 0
    assert "* work: person, https://login.microsoftonline.com/contoso.onmicrosoft.com" in capsys.readouterr().out


def test_profiles_of_others(apart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`nbauth profiles` shows hosts in ASCII, and nothing that moves the terminal's cursor."""
    (apart / "nbauth.toml").write_text(
        '[profiles.a]\nclient_id = "x"\noidc_authority = "https://b\u00fccher.example/\u202e"\n'
        'apis = { "https://gr\u0430ph.microsoft.com" = ["\\u001b[2J"] }\n'
    )
    assert main(["profiles"]) == 0
    shown = capsys.readouterr().out
    assert "https://xn--bcher-kva.example/%E2%80%AE\n" in shown
    assert "    https://xn--grph-63d.microsoft.com: \ufffd[2J\n" in shown


def test_a_mistake_is_one_line(apart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake in nbauth.toml is one line on the terminal, without a traceback."""
    (apart / "nbauth.toml").write_text("[profiles.work]\ncleint_id = 'x'\n")
    assert main(["profiles"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"nbauth: {apart / 'nbauth.toml'}: [profiles.work] cleint_id: unknown key; did you mean client_id?"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), ReadInterrupted("Stopped.")], ids=["plain", "of a read"])
def test_an_interrupt_is_130(
    interrupt: KeyboardInterrupt, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that a person interrupts ends as a shell expects it, and says nothing."""

    def stopped() -> None:
        raise interrupt

    monkeypatch.setattr("nbauth.kernel.config", stopped)
    assert main(["profiles"]) == 130
    assert capsys.readouterr() == ("", "")


def test_the_next_step_can_be_typed(
    apart: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line names lines for a shell, and leaves everything else as it was."""
    assert main(["profiles"]) == 1
    said = capsys.readouterr().out
    assert f"No profile is configured. There is no nbauth.toml in {apart}, {apart.parent}, " in said
    assert "Run: nbauth init, or nbauth demo to try" in said
    (apart / "nbauth.toml").write_text(
        '[profiles.a]\nclient_id = "x"\ntenant = "contoso.example"\napis = { "https://api.contoso.example" = ["x"] }\n'
    )

    def unsigned(profile: Profile) -> None:
        raise SignInRequired(f"Nobody is signed in to {profile.name}.", next_step=to_run(Login(profile.name)))

    monkeypatch.setattr("nbauth.doctor.provider.connect_anew", unsigned)
    assert main(["doctor"]) == 1
    assert "→ Run: python -c 'import nbauth; nbauth.login(\"a\")'\n" in capsys.readouterr().out
    assert str(to_run(Login("a"))) == 'Run: nbauth.login("a")'


def test_every_command_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    """The documentation's table of commands is the program's own."""
    page = (CHECKOUT / "docs" / "command-line.md").read_text()
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = capsys.readouterr().out.split("COMMAND\n")[-1]
    for line in listed.splitlines():
        if line.startswith("    ") and line[4:5].strip():
            assert f"| `nbauth {line.split()[0]}" in page


def test_every_key_is_documented() -> None:
    """The documentation's table of keys has every key of the file, and no other."""
    table = (CHECKOUT / "docs" / "profile.md").read_text().partition("\n## The keys\n")[2].partition("\n\nHow to")[0]
    keys = {key for row in table.splitlines() for key in re.findall(r"`(\w+)`", row.split(" | ")[0])}
    assert set(configuration._KEYS) == keys


def test_the_two_commands_stand_in_the_readme() -> None:
    """The README's first screen holds the two commands, and `.ci/run` runs the second."""
    first_screen = "\n".join((CHECKOUT / "README.md").read_text().splitlines()[:40])
    assert 'pip install uv && uvx --from ".[demo]" nbauth demo\n' in first_screen
    assert "pip install uv && uv run pytest\n" in first_screen
    assert "uv run pytest" in (CHECKOUT / ".ci/run").read_text()
    assert os.access(CHECKOUT / ".ci/run", os.R_OK)


def test_explain(apart: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`nbauth explain` says what a number or a pasted page means, with the default profile's names and the source."""
    assert main(["explain", "AADSTS50011"]) == 0
    said, source, *_ = capsys.readouterr().out.splitlines()
    assert said.startswith("The redirect URI is not registered (AADSTS50011). The application that client_id names ")
    assert source.startswith("https://learn.microsoft.com/")
    assert main(["init"]) == 0
    capsys.readouterr()
    monkeypatch.setattr(sys, "stdin", io.StringIO("Sorry, we're having trouble.\nError Code: 50034\nRequest Id: 1"))
    assert main(["explain"]) == 0
    said, *_ = capsys.readouterr().out.splitlines()
    assert "(AADSTS50034)" in said
    assert "'import nbauth; nbauth.login(\"work\")'" in said
    assert str(apart / "nbauth.toml") in said


def test_explain_an_error_of_its_own(apart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The name of an error leads to its rows of the page of symptoms; a provider's error in the text tells more."""
    page = (CHECKOUT / "docs" / "wrong.md").read_text(encoding="utf-8")
    for text in ("SignInTimeout", "signintimeout", "SignInTimeout: Profile 'work': nobody signed in within 300 s."):
        assert main(["explain", text]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "SignInTimeout",
            "  Why: nobody finished within 300 seconds",
            "  What to do: %login --timeout 900",
            "",
            "All of them: docs/wrong.md",
        ]
    assert main(["explain", "SignInRequired"]) == 0
    assert capsys.readouterr().out.count("  Why: ") == page.count("\n| `SignInRequired")
    assert main(["explain", "SignInFailed: Profile 'work': no such redirect URI (AADSTS50011)."]) == 0
    assert capsys.readouterr().out.startswith("The redirect URI is not registered (AADSTS50011).")


def test_explain_without_help(apart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken file does not stop an explanation; where nothing is known, or no such profile, the exit status is 1."""
    (apart / "nbauth.toml").write_text("no = [")
    assert main(["explain", "Error", "400:", "redirect_uri_mismatch"]) == 0
    assert "redirect URI is not registered" in capsys.readouterr().out
    assert main(["explain", "teapot"]) == 1
    assert "Nothing in this text is known here." in capsys.readouterr().err
    for number in ("AADSTS999999999", "AADB2C999999"):
        assert main(["explain", number]) == 1
        (said,) = capsys.readouterr().out.splitlines()
        assert said.startswith(f"This number is not in the catalogue of nbauth ({number}). ")
    (apart / "nbauth.toml").unlink()
    assert main(["explain", "AADSTS50011", "--profile", "nowhere"]) == 1
    assert "No profile is configured" in capsys.readouterr().err
