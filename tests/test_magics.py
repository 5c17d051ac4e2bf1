"""The magics in a real IPython shell."""

from __future__ import annotations

import atexit
import gc
import inspect
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import nbauth
from nbauth import api
from nbauth.adapters.row import Row
from nbauth.data.build import frame_builder
from nbauth.data.paging.styles import registry
from nbauth.data.parse import formats
from nbauth.errors import ConfigError, SignInRequired
from nbauth.magics import parsers
from nbauth.magics.parsers import parser_of

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
    """`--help` prints the options and returns nothing; the magic's `?` shows the same, each flag with its meaning."""
    result, printed = _run(shell, f"%{name} --help")
    assert result is None
    assert printed.startswith(f"usage: %{name}")
    assert shell.find_line_magic(name).__doc__
    shown = shell.object_inspect_text(f"%{name}")
    assert printed.strip() in shown
    for action in parser_of(name)._actions:
        assert action.help, action.dest


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
        ("%read x --params top", r"expected NAME=VALUE, found top\. Run: %read --help"),
        ("%read x --paging sideways", "invalid choice: 'sideways'.*odata"),
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
    monkeypatch.setattr(api, "read", lambda url, *, profile, **_: seen.append((url, profile)))
    shell.user_ns |= {"top": 5, "api": "https://api.example.com", "url": "https://api.example.com/rows?$top=1"}
    shell.run_cell("%read https://api.example.com/rows?$top=10&$filter=x")
    shell.run_cell("%read {api}/rows --profile work")
    shell.run_cell("%read url")
    assert seen == [
        ("https://api.example.com/rows?$top=10&$filter=x", None),
        ("https://api.example.com/rows", "work"),
        ("https://api.example.com/rows?$top=1", None),
    ]


def test_options_of_read(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option of `%read` is an argument of `nbauth.read`, of the type that it takes there."""
    seen: list[Any] = []
    defaults = inspect.signature(api.read).parameters
    monkeypatch.setattr(api, "read", lambda url, **options: seen.append((url, options)))
    shell.user_ns |= {"url": "https://api.example.com/v", "limit": 5, "folder": "out"}
    _run(shell, "%read https://api.example.com/rows")
    _run(
        shell,
        "%read url --params top=10 'filter=a eq {limit}' x=1 x=2 --records data.items --paging offset --nested json "
        "--format csv --encoding cp1252 --sheet 0 --concurrency 4 --max-bytes 1000 --arrow --to {folder}/x.parquet",
    )
    (plain, given) = seen
    assert plain[0] == "https://api.example.com/rows"
    assert {name: defaults[name].default for name in plain[1]} == plain[1]
    assert given == (
        "https://api.example.com/v",
        {
            "profile": None,
            "params": {"top": "10", "filter": "a eq 5", "x": ["1", "2"]},
            "records": "data.items",
            "paging": "offset",
            "nested": "json",
            "format": "csv",
            "encoding": "cp1252",
            "sheet": 0,
            "concurrency": 4,
            "max_bytes": 1000,
            "dtype_backend": "pyarrow",
            "to": "out/x.parquet",
        },
    )


def test_the_choices_of_read() -> None:
    """What the parser offers, without loading pandas, is what `nbauth.read` takes."""
    assert get_args(registry.Named) == parsers.PAGING
    assert get_args(frame_builder.Nested) == parsers.NESTED
    assert set(parsers.FORMATS) == {each.name.lower() for each in formats.FORMATS}


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
        ("df = %read x --pro", {"--profile"}),
        ("df = %read x --profile ", {"demo", "nightly"}),
        ("%read x --paging last", {"last_row"}),
        ("%read x --params a=1 b=2 --nested fl", {"flatten"}),
        ("%login demo --flow=pa", {"paste"}),
        ("%time %logout --e", {"--everywhere"}),
        ("%login demo --scopes api://nbauth-demo/D", {"api://nbauth-demo/Data.Read"}),
        ("%read x --to ./ke", {"./kept/"}),
        ("%read htt", {"http://localhost"}),
        ("%read my_a", {"my_address"}),
        ("x = 1; %login ", set()),
        ("login = ", set()),
    ],
)
def test_completion(line: str, expected: set[str], shell: InteractiveShell, demo: DemoServer) -> None:
    """Tab completes profile names, options and flows."""
    Path("kept").mkdir()
    shell.user_ns["my_address"] = "https://api.example.com"
    with provisionalcompleter():
        offered = {completion.text for completion in shell.Completer.completions(line, len(line))}
    offered = {"http://localhost" if text.startswith("http://localhost:") else text for text in offered}
    if expected:  # nothing of jedi's beside it, which takes the line for Python
        assert offered >= expected
        assert not offered & ({"and", "not", "abs", "property", "list", "%login"} - expected)
    assert not offered & ({"demo", "nightly", "auto", "paste", "--flow", "--profile"} - expected)


def test_completion_of_accounts(shell: InteractiveShell, demo: DemoServer, person: Any) -> None:
    """`--account` completes to who is signed in; the extension that is loaded twice offers everything once."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    shell.run_line_magic("reload_ext", "nbauth")
    line = "%login demo --account al"
    with provisionalcompleter():
        assert [each.text for each in shell.Completer.completions(line, len(line))] == ["alice@contoso.example"]


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
