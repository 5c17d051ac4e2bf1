"""The next step of an error, as it is typed in a notebook, in Python and in a shell."""

from __future__ import annotations

import ast
import atexit
import pickle
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import nbauth
from nbauth import next_step
from nbauth.data.extras import FAST_EXTRA
from nbauth.errors import ConfigError, SignInRequired
from nbauth.magics.parsers import parser_of
from nbauth.next_step import Install, Login, Logout, NextStep, Shell, Words, filled, shown_in, to_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.next_step import Command, Place

PACKAGE = Path(nbauth.__file__).parent
PLACES: tuple[Place, ...] = ("magic", "python", "command_line")
ODD = ["my work", "o'neil", 'a "b"', "both ' and \"", r"C:\Users\me\x", "$HOME", "a;b|c&d", "ü", "-x"]


@pytest.fixture
def shell(apart: Any) -> Iterator[InteractiveShell]:
    """A real IPython without the magics."""
    del apart
    made = InteractiveShell()
    yield made
    atexit.unregister(made.atexit_operations)
    made.atexit_operations()


def _in_shell(call: str) -> str:
    return f"python -c 'import nbauth; {call}'"


@pytest.mark.parametrize(
    ("command", "magic", "python", "command_line"),
    [
        (Login("work"), "%login work", 'nbauth.login("work")', _in_shell('nbauth.login("work")')),
        (Login(), "%login", "nbauth.login()", "python -c 'import nbauth; nbauth.login()'"),
        (
            Login("work", flow="paste", scopes=("a", "b"), account="o", remember=True),
            "%login work --flow paste --scopes a b --account o --remember",
            'nbauth.login("work", flow="paste", scopes=["a", "b"], account="o", remember=True)',
            _in_shell('nbauth.login("work", flow="paste", scopes=["a", "b"], account="o", remember=True)'),
        ),
        (Logout(), "%logout", "nbauth.logout()", "python -c 'import nbauth; nbauth.logout()'"),
        (Logout("work"), "%logout work", 'nbauth.logout("work")', _in_shell('nbauth.logout("work")')),
        (
            Install("nbauth[fast]"),
            '%pip install "nbauth[fast]"',
            'pip install "nbauth[fast]"',
            'pip install "nbauth[fast]"',
        ),
        (Shell(("nbauth", "trust", "a b")), "!nbauth trust 'a b'", "nbauth trust 'a b'", "nbauth trust 'a b'"),
        (Words(magic="m", python="p", command_line="c"), "m", "p", "c"),
    ],
)
def test_commands(command: Command, magic: str, python: str, command_line: str) -> None:
    """Each command is written as it is typed in a notebook with the magics, in Python and in a shell."""
    assert tuple(map(command.typed, PLACES)) == (magic, python, command_line)


@pytest.mark.parametrize("text", ODD)
def test_odd_arguments_can_be_typed(text: str) -> None:
    """A blank, a quotation mark or a backslash in an argument arrives as it is, at each of the places."""
    login = Login("work", account=text, scopes=(text, "b"))
    line = login.typed("magic").removeprefix("%login ")
    if not text.startswith("-"):  # to argparse it is an option, however it is quoted
        options = parser_of("login").parse_line(line)
        assert (options.account, options.scopes) == (text, [text, "b"])
    assert shlex.split(line)[-1] == text
    for call in (login.typed("python"), shlex.split(login.typed("command_line"))[2].removeprefix("import nbauth; ")):
        node: Any = ast.parse(call, mode="eval").body
        given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
        assert given == {"account": text, "scopes": [text, "b"]}
    assert shlex.split(Shell(("keyring", "set", text)).typed("command_line")) == ["keyring", "set", text]


def test_what_cannot_be_seen_is_escaped() -> None:
    """A call in Python shows no sign that turns the line around or moves the cursor."""
    assert Login("work", account="a\u202e\x1b[2J").typed("python") == r'nbauth.login("work", account="a\u202e\x1b[2J")'


def test_a_shell_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a command is quoted as its shells are."""
    monkeypatch.setattr(next_step, "_IS_WINDOWS", True)
    assert Shell(("nbauth", "trust", r"C:\my work\nbauth.toml")).typed("command_line") == (
        r'nbauth trust "C:\my work\nbauth.toml"'
    )
    assert Login("work").typed("command_line") == r'python -c "import nbauth; nbauth.login(\"work\")"'
    assert Login("my work").typed("magic") == "%login 'my work'"


def test_the_place_in_force() -> None:
    """A step is written for Python, until something else shows it; within a place, for that one."""
    step = to_run(Login("work"), ", and look.")
    assert str(step) == 'Run: nbauth.login("work"), and look.'
    with shown_in("magic"):
        assert str(step) == "Run: %login work, and look."
        with shown_in("command_line"):
            assert str(step) == "Run: python -c 'import nbauth; nbauth.login(\"work\")', and look."
        assert str(step) == "Run: %login work, and look."


def test_a_command_for_a_shell() -> None:
    """Where no shell is, the step says that it needs one; a notebook has one for what asks nobody."""
    written = {place: to_run(Shell(("nbauth", "init"))).text(place) for place in PLACES}
    assert written == {
        "magic": "Run: !nbauth init",
        "python": "Run in a shell: nbauth init",
        "command_line": "Run: nbauth init",
    }
    asking = to_run(Shell(("keyring", "set", "service", "me"), asks=True))
    assert asking.text("magic") == asking.text("python") == "Run in a shell: keyring set service me"


def test_filled() -> None:
    """A template's names become words and commands; what it says besides stays."""
    step = filled("Run: {login}, or correct {where}.", {"login": Login("work"), "where": "nbauth.toml"})
    assert step.text("magic") == "Run: %login work, or correct nbauth.toml."


@pytest.mark.parametrize(
    "step",
    [
        None,
        "Try again.",
        to_run(Login("work", scopes=("a", "b"), remember=True), " and ", Logout(), "."),
        NextStep((Install("nbauth[fast]"), Shell(("a", "b")), Words(magic="m", python="p", command_line="c"))),
    ],
)
def test_json(step: NextStep | str | None) -> None:
    """A step comes back from JSON as it was."""
    import json

    assert next_step.from_json(json.loads(json.dumps(next_step.to_json(step)))) == step


def test_an_error_from_another_process() -> None:
    """An error that was raised in a worker is written for the notebook that shows it, and can be given another step."""
    error = SignInRequired("Nobody is signed in.", profile="work", next_step=to_run(Login("work")))
    assert (error.next_step, str(error)) == (
        'Run: nbauth.login("work")',
        'Nobody is signed in. Run: nbauth.login("work")',
    )
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in the line itself
    with shown_in("magic"):
        assert (again.next_step, str(again)) == ("Run: %login work", "Nobody is signed in. Run: %login work")
        assert again._render_traceback_() == ["SignInRequired: Nobody is signed in. Run: %login work"]
    again.next_step = None
    assert str(again) == "Nobody is signed in."


def test_in_ipython(shell: InteractiveShell) -> None:
    """IPython shows the call in Python, and the magic as soon as the magics are loaded."""
    shell.user_ns["error"] = SignInRequired("Nobody is signed in.", next_step=to_run(Login("work")))
    for step in ('nbauth.login("work")', "%login work"):
        with capture_output() as captured:
            shell.run_cell("raise error")
        assert captured.stdout.splitlines() == [f"SignInRequired: Nobody is signed in. Run: {step}"]
        shell.run_line_magic("load_ext", "nbauth")


def test_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lacks an extra says how it is installed here: by a magic in a notebook, by pip elsewhere."""

    def missing(*_: str) -> None:
        raise ImportError

    monkeypatch.setattr("nbauth.data.extras.load", missing)
    with pytest.raises(ConfigError, match=r'^to= needs pyarrow\. Run: pip install "nbauth\[fast\]"$') as caught:
        nbauth.data.extras.need_pyarrow("to=")
    assert caught.value.step == to_run(FAST_EXTRA)
    with shown_in("magic"):
        assert str(caught.value).endswith('Run: %pip install "nbauth[fast]"')


@pytest.mark.parametrize("folder", ["signin", "data", "net", "files", "process", "adapters"])
def test_the_core_speaks_no_magic(folder: str) -> None:
    """No text of the core names a magic: what is typed next is a value there."""
    names = "login|logout|whoami|read|pip|load_ext|conda|run"
    found = {
        str(path.relative_to(PACKAGE)): re.findall(rf"%(?:{names})\b", path.read_text(encoding="utf-8"))
        for path in (PACKAGE / folder).rglob("*")
        if path.suffix in (".py", ".toml")
    }
    assert found
    assert {path: words for path, words in found.items() if words} == {}
