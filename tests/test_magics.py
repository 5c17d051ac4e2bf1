"""The magics in a real IPython shell."""

from __future__ import annotations

import atexit
import gc
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import nbauth
from nbauth import api
from nbauth.adapters.row import Row
from nbauth.errors import ConfigError, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.demo.server import DemoServer


@pytest.fixture(scope="module")
def shared_shell() -> Iterator[InteractiveShell]:
    """Return the shell of this file's tests: one takes longer to start than any of them."""
    shell = InteractiveShell()
    yield shell
    atexit.unregister(shell.atexit_operations)
    shell.atexit_operations()


@pytest.fixture
def shell(apart: Any, shared_shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> InteractiveShell:
    """Return a shell with the extension loaded, and no variables."""
    monkeypatch.setattr("IPython.get_ipython", lambda: shared_shell)
    shared_shell.reset(new_session=False)
    shared_shell.run_line_magic("reload_ext", "nbauth")
    return shared_shell


def _run(shell: InteractiveShell, line: str) -> tuple[Any, str]:
    name, _, rest = line.removeprefix("%").partition(" ")
    with capture_output() as captured:
        result = shell.run_line_magic(name, rest)
    return result, captured.stdout


@pytest.mark.parametrize("name", ["login", "logout", "whoami", "read"])
def test_help(name: str, shell: InteractiveShell) -> None:
    """`--help` prints the options and returns nothing; the magic's `?` says how to get there."""
    result, printed = _run(shell, f"%{name} --help")
    assert result is None
    assert printed.startswith(f"usage: %{name}")
    assert shell.find_line_magic(name).__doc__


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("%login --flow telepathy", "invalid choice: 'telepathy'.*loopback"),
        ("%login --bogus", r"unrecognized arguments: --bogus\. Run: %login --help"),
        ("%login --timeout soon", "invalid float value"),
        ("%login 'open", "no closing quotation"),
        ("%read", "required: URL"),
        ("%login --secret s3cret", "a secret is never an argument.*history"),
        ("%login --client-secret=s3cret", "a secret is never an argument"),
        ("%login --password s3cret", "a secret is never an argument"),
        ("%read {1/0}", "ZeroDivisionError"),
        ("%read {nobody}", "NameError"),
    ],
)
def test_a_mistake_is_one_line(line: str, message: str, shell: InteractiveShell) -> None:
    """A mistake in a line is one line that says what is right; a secret is refused and not repeated."""
    with pytest.raises(UsageError, match=message) as caught:
        _run(shell, line)
    assert "s3cret" not in str(caught.value)


def test_options_reach_the_kernel(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option of `%login` is an argument of `nbauth.login`."""
    seen: list[Any] = []

    def login(**options: Any) -> Any:
        seen.append(options)
        raise ConfigError("stop")

    monkeypatch.setattr(api, "login", login)
    with pytest.raises(ConfigError):
        _run(shell, "%login work --flow paste --scopes a b --account 'jo@x' --tenant t --remember --timeout 5")
    options = {"flow": "paste", "scopes": ["a", "b"], "account": "jo@x", "tenant": "t", "remember": True}
    assert seen == [{"profile": "work", **options, "timeout_s": 5.0}]


def test_read_leaves_odata_alone(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    """`%read` does not replace $top by a variable; it takes {expressions} and a variable that holds the address."""
    seen: list[Any] = []
    monkeypatch.setattr(api, "read", lambda url, *, profile: seen.append((url, profile)))
    shell.user_ns |= {"top": 5, "api": "https://api.example.com", "url": "https://api.example.com/rows?$top=1"}
    shell.run_cell("%read https://api.example.com/rows?$top=10&$filter=x")
    shell.run_cell("%read {api}/rows --profile work")
    shell.run_cell("%read url")
    assert seen == [
        ("https://api.example.com/rows?$top=10&$filter=x", None),
        ("https://api.example.com/rows", "work"),
        ("https://api.example.com/rows?$top=1", None),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%login ", {"demo", "nightly"}),
        ("%login de", {"demo"}),
        ("%login --fl", {"--flow"}),
        ("%login demo --flow ", {"auto", "loopback", "device_code", "paste"}),
        ("%login demo --flow lo", {"loopback"}),
        ("%logout n", {"nightly"}),
        ("%read --profile ", {"demo", "nightly"}),
        ("%read x --pro", {"--profile"}),
    ],
)
def test_completion(line: str, expected: set[str], shell: InteractiveShell, demo: DemoServer) -> None:
    """Tab completes profile names, options and flows."""
    with provisionalcompleter():
        offered = {completion.text for completion in shell.Completer.completions(line, len(line))}
    assert expected <= offered
    assert not offered & ({"demo", "nightly", "auto", "paste", "--flow", "--profile"} - expected)


def test_a_person_who_is_signed_in(shell: InteractiveShell, demo: DemoServer, person: Any) -> None:
    """`%login` says again who is signed in, and `%whoami` and `%read` use it."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    _, printed = _run(shell, "%login demo")
    assert printed.startswith("Signed in to demo as Alice Adams (alice@contoso.example); ")
    table, _ = _run(shell, "%whoami")
    assert "alice@contoso.example" in repr(table)
    frame, _ = _run(shell, f"%read {demo.api_url}/cities")
    assert len(frame) == 10


def test_what_is_lent(shell: InteractiveShell, demo: DemoServer, person: Any) -> None:
    """`%whoami` shows what gets tokens of a sign-in, as long as it lives; `%logout` ends all of it and says so."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    row = Row(demo.api_url, tool="a tool")
    of_the_job = Row(demo.api_url, "nightly", tool="another tool")
    table, _ = _run(shell, "%whoami")
    lent = [line.split("  ") for line in repr(table).partition("lent to")[2].splitlines()[1:]]
    assert [[cell.strip() for cell in line if cell] for line in lent] == [
        ["a tool", "demo", demo.api_origin],
        ["another tool", "nightly", demo.api_origin],
    ]
    assert row.access_token().secret
    _, printed = _run(shell, "%logout")
    assert printed == f"Signed out: alice@contoso.example.\nGets no token any more: a tool for {demo.api_origin}.\n"
    demo.provider.requests.clear()
    with pytest.raises(SignInRequired):
        row.access_token()
    assert len(demo.provider.requests) == 0
    assert of_the_job.access_token().secret
    del row
    gc.collect()
    table, _ = _run(shell, "%whoami")
    assert "a tool" not in repr(table)


def test_the_extension_loads_no_library() -> None:
    """`%load_ext nbauth` and a look at the verbs load neither pandas, MSAL, requests nor ipywidgets."""
    code = (
        "from IPython.core.interactiveshell import InteractiveShell as S; import nbauth, sys\n"
        "S.instance().run_line_magic('load_ext', 'nbauth')\n"
        "nbauth.accounts(), nbauth.login, nbauth.read\n"
        "heavy = {'pandas', 'msal', 'requests', 'ipywidgets', 'cryptography'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
