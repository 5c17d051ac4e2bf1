"""The next step of an error: what to type next, as a value that is written out only where it is shown.

Whoever raises an error does not know who reads it: a person in a notebook with the magics, somebody with a script, or
the command line. So an error carries the command itself. The same one is `%login work` in a notebook with the magics,
`nbauth.login("work")` in Python, and a line with `python -c` in a shell. An error that comes from another process is
written out for the process that shows it.

One place is in force for the whole process, for every thread writes to the same notebook, terminal or shell. It is
Python's until `%load_ext nbauth` or the command line says otherwise.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "Command",
    "Install",
    "Login",
    "Logout",
    "NextStep",
    "Place",
    "Shell",
    "Step",
    "WithNextStep",
    "Words",
    "filled",
    "from_json",
    "show_in",
    "shown_in",
    "to_json",
    "to_run",
]

Place = Literal["magic", "python", "command_line"]

_place: Place = "python"
_IS_WINDOWS = os.name == "nt"


@dataclass(frozen=True)
class Login:
    """Signs in.

    Attributes:
        profile: name of the profile; None for the default one.
        flow: the flow to sign in by, where it matters.
        scopes: what to ask for, where it is not what the profile says.
        account: the sign-in name, where it matters.
        remember: keep the sign-in for later kernels.
        tenant: another tenant than the profile's.
    """

    profile: str | None = None
    flow: str | None = None
    scopes: tuple[str, ...] = ()
    account: str | None = None
    remember: bool = False
    tenant: str | None = None

    def typed(self, place: Place) -> str:
        """Return what is typed at a place."""
        if place != "magic":
            named = {name: value for name, value in dataclasses.asdict(self).items() if value and name != "profile"}
            return _call("nbauth.login", self.profile, named, place)
        words = ["%login", *filter(None, [self.profile])]
        for option, values in (
            ("--flow", [self.flow]),
            ("--scopes", self.scopes),
            ("--account", [self.account]),
            ("--tenant", [self.tenant]),
        ):
            given = [value for value in values if value]
            words += [option, *given] if given else []
        # The magics split their line as a POSIX shell does, on Windows, too.
        return shlex.join([*words, *(["--remember"] if self.remember else [])])


@dataclass(frozen=True)
class Logout:
    """Signs out.

    Attributes:
        profile: name of the profile; None for every one.
    """

    profile: str | None = None

    def typed(self, place: Place) -> str:
        """Return what is typed at a place."""
        if place != "magic":
            return _call("nbauth.logout", self.profile, {}, place)
        return shlex.join(["%logout", *filter(None, [self.profile])])


@dataclass(frozen=True)
class Install:
    """Installs a package.

    Attributes:
        requirement: the package, with an extra or a release (PEP 508), such as ``nbauth[fast]``.
    """

    requirement: str

    def typed(self, place: Place) -> str:
        """Return the line to type at a place; `%pip` installs where the kernel runs, which `pip` need not."""
        # In double quotes, which Windows' shells know as well.
        return f'{"%" if place == "magic" else ""}pip install "{self.requirement}"'


@dataclass(frozen=True)
class Shell:
    """A command for a shell.

    Attributes:
        words: the program and its arguments.
        asks: whether it asks a person something, which it cannot in a cell of a notebook.
    """

    words: tuple[str, ...]
    asks: bool = False

    def typed(self, place: Place) -> str:
        """Return the line to type at a place: IPython runs in a shell what follows an exclamation mark."""
        return ("!" if place == "magic" and not self.asks else "") + _shell(*self.words)


@dataclass(frozen=True, kw_only=True)
class Words:
    """Words that differ by place, such as the name of an option."""

    magic: str
    python: str
    command_line: str

    def typed(self, place: Place) -> str:
        """Return the words for a place."""
        return {"magic": self.magic, "python": self.python, "command_line": self.command_line}[place]


Command = Login | Logout | Install | Shell | Words
_COMMANDS = {kind.__name__: kind for kind in (Login, Logout, Install, Shell, Words)}


@dataclass(frozen=True)
class NextStep:
    """A sentence whose commands are written out where it is shown.

    Attributes:
        parts: words and commands, in their order.
    """

    parts: tuple[str | Command, ...]

    def text(self, place: Place | None = None) -> str:
        """Return the sentence for a place, by default for the one that is in force."""
        where = place or _place
        return "".join(part if isinstance(part, str) else part.typed(where) for part in self.parts)

    def __str__(self) -> str:
        return self.text()


Step = NextStep | str  # as text where nothing is to be typed


def to_run(command: Command, *further: str | Command) -> NextStep:
    """Return the step to run a command, and what else there is to say."""
    lead: str | Command = "Run: "
    if isinstance(command, Shell):
        elsewhere = "Run in a shell: "
        lead = Words(magic=elsewhere if command.asks else "Run: ", python=elsewhere, command_line="Run: ")
    return NextStep((lead, command, *further))


def filled(template: str, parts: Mapping[str, str | Command]) -> NextStep:
    """Return the step of a template, with words or commands in place of its ``{names}``."""
    fields = string.Formatter().parse(template)
    return NextStep(tuple(part for words, name, *_ in fields for part in (words, *([parts[name]] if name else []))))


class WithNextStep:
    """Part of an exception that says in one line what happened and what to do next.

    Attributes:
        step: what to do next, as a value; None where nothing is known to help.
    """

    args: tuple[Any, ...]
    step: Step | None = None

    @property
    def next_step(self) -> str | None:
        """The next step as text, with each line to type in the form for this process."""
        return None if self.step is None else str(self.step)

    @next_step.setter
    def next_step(self, step: Step | None) -> None:
        self.step = step

    def __str__(self) -> str:
        message = str(self.args[0]) if self.args else ""
        return f"{message} {self.step}" if self.step else message

    def _render_traceback_(self) -> list[str]:
        # IPython prints this in place of its traceback; the exception and its traceback stay whole in
        # sys.last_exc and under %debug.
        return [f"{type(self).__name__}: {self}"]


def show_in(place: Place) -> None:
    """Write every next step for a place from now on."""
    global _place  # noqa: PLW0603 - a property of the process: what reads its output
    _place = place


@contextlib.contextmanager
def shown_in(place: Place) -> Iterator[None]:
    """Write every next step for a place meanwhile."""
    before = _place
    show_in(place)
    try:
        yield
    finally:
        show_in(before)


def to_json(step: Step | None) -> Any:
    """Return a step as what JSON knows."""
    if not isinstance(step, NextStep):
        return step
    return [part if isinstance(part, str) else [type(part).__name__, dataclasses.asdict(part)] for part in step.parts]


def from_json(document: Any) -> Step | None:
    """Return the step that `to_json` wrote."""
    return NextStep(tuple(map(_part, document))) if isinstance(document, list) else document


def _part(document: Any) -> str | Command:
    if isinstance(document, str):
        return document
    name, fields = document
    kind: Any = _COMMANDS[name]
    command: Command = kind(**{key: tuple(each) if isinstance(each, list) else each for key, each in fields.items()})
    return command


def _call(function: str, profile: str | None, named: dict[str, Any], place: Place) -> str:
    """Return a call in Python; in a shell, the line that makes it."""
    arguments = [_literal(profile)] if profile else []
    arguments += [f"{name}={_literal(value)}" for name, value in named.items()]
    call = f"{function}({', '.join(arguments)})"
    return _shell("python", "-c", f"import nbauth; {call}") if place == "command_line" else call


def _literal(value: object) -> str:
    """Return a value as it is written in Python; text in double quotes, as the documentation has it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_literal, value))}]"
    written = repr(value)
    # Within single quotes repr escapes a double quote nowhere, and a single one only where there are both.
    return f'"{written[1:-1]}"' if written[0] == "'" and '"' not in written else written


def _shell(*words: str) -> str:
    if not _IS_WINDOWS:
        return shlex.join(words)
    import subprocess

    return subprocess.list2cmdline(words)
