"""What others rely on, as one text that a person can read: names, signatures, errors, magics and commands.

The text is `public_api.txt` beside this file. Something new is a new line there. A line that goes away, or changes,
breaks somebody's notebook. Renew it with: python tests/test_public_api.py
"""

from __future__ import annotations

import ast
import atexit
import builtins
import contextlib
import inspect
import io
import re
import textwrap
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from IPython.core.interactiveshell import InteractiveShell

import nbauth
import nbauth.dask
import nbauth.data.paging
from nbauth import filesystem
from nbauth.__main__ import main
from nbauth.adapters.fsspec import FileSystem

if TYPE_CHECKING:
    from collections.abc import Iterator

SNAPSHOT = Path(__file__).with_name("public_api.txt")
CALLER = Path(__file__).parent / "typing" / "api.py"


def _signature(thing: Any) -> list[str]:
    """Return a function's or class's parameters, one a line, without their types: `tests/typing` holds those."""
    signature = inspect.signature(thing)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return [f"    {parameter}" for parameter in _with_marks(bare)]


def _with_marks(parameters: list[inspect.Parameter]) -> Iterator[str]:
    was_positional = True
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and was_positional:
            yield "*"
            was_positional = False
        yield f"{parameter} /" if parameter.kind is parameter.POSITIONAL_ONLY else str(parameter)
        was_positional = was_positional and parameter.kind is not parameter.VAR_POSITIONAL


def _kind(thing: Any) -> str:
    return "class" if inspect.isclass(thing) else "async def" if inspect.iscoroutinefunction(thing) else "def"


def _names(module: Any, where: str) -> Iterator[str]:
    """Yield what a module gives away, with its signatures."""
    for name in sorted(module.__all__):
        thing = getattr(module, name)
        if inspect.ismodule(thing):
            yield f"module {where}.{name}"
        elif inspect.isclass(thing) or inspect.isfunction(thing):
            yield f"{_kind(thing)} {where}.{name}"
            yield from _signature(thing)
        else:
            yield f"type {where}.{name}"


def _errors() -> Iterator[str]:
    """Yield the errors, each with what it can be caught as."""
    known = set(nbauth.errors.__all__) | set(vars(builtins))
    for name in sorted(nbauth.errors.__all__):
        error = getattr(nbauth.errors, name)
        caught_as = [base.__name__ for base in error.__mro__[1:] if base.__name__ in known - {"object"}]
        yield f"class nbauth.errors.{name}" + (f", also {', '.join(caught_as)}" if caught_as else "")
        if not issubclass(error, Warning):  # takes what Python's own take
            yield from _signature(error)


def _members(thing: type, names: tuple[str, ...]) -> Iterator[str]:
    """Yield what objects of a class offer beyond its bases."""
    for name in names:
        member = inspect.getattr_static(thing, name)
        yield f"member {thing.__name__}.{name}"
        if inspect.isfunction(member):
            yield from _signature(member)


def _usage(printed: str) -> str:
    # The width of a terminal, and the Python version, break its lines elsewhere.
    return " ".join(printed.partition("\n\n")[0].split())


def _magics() -> Iterator[str]:
    shell = InteractiveShell()
    try:
        with mock.patch("IPython.get_ipython", return_value=shell):
            before = set(shell.magics_manager.magics["line"])
            nbauth.load_ipython_extension(shell)
            for name in sorted(set(shell.magics_manager.magics["line"]) - before):
                with contextlib.redirect_stdout(io.StringIO()) as printed:
                    shell.run_line_magic(name, "--help")
                yield _usage(printed.getvalue())
    finally:
        atexit.unregister(shell.atexit_operations)
        shell.atexit_operations()


def _help(*arguments: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        main([*arguments, "--help"])
    return printed.getvalue()


def _commands() -> Iterator[str]:
    everything = _help()
    yield _usage(everything)
    for command in re.findall(r"^ {4}(\w+)", everything, flags=re.MULTILINE):
        yield _usage(_help(command))


def _sections() -> Iterator[tuple[str, list[str]]]:
    session, panel, account = nbauth.Session, nbauth.SignInPanel, nbauth.Account
    yield "nbauth", list(_names(nbauth, "nbauth"))
    yield (
        "what objects offer",
        [
            *_members(session, ("allows",)),
            *_members(panel, ("account", "profile", "signed_in")),
            *_members(nbauth.data.paging.PageResponse, ("get", "json")),
            *(f"member {account.__name__}.{name}" for name in inspect.signature(account).parameters),
        ],
    )
    yield "nbauth.errors", list(_errors())
    yield "nbauth.data.paging", list(_names(nbauth.data.paging, "nbauth.data.paging"))
    yield "nbauth.dask", list(_names(nbauth.dask, "nbauth.dask"))
    yield "magics of %load_ext nbauth", list(_magics())
    yield "the command line", list(_commands())
    offered = {f"{e.group}: {e.name}" for e in distribution("nbauth").entry_points if e.load()}
    yield (
        "entry points, and what pickles name",
        [*sorted(offered), f"class {FileSystem.__module__}.FileSystem", f"class {filesystem.__name__}.FileSystem"],
    )


def written() -> str:
    """Return the public API as text."""
    quiet = {"COLUMNS": "1000", "NO_COLOR": "1"}
    with mock.patch.dict("os.environ", quiet):
        return "\n".join(line for title, lines in _sections() for line in (f"# {title}", "", *lines, ""))


@pytest.mark.usefixtures("apart")
def test_public_api() -> None:
    """The public API is what `public_api.txt` says; renew it with ``python tests/test_public_api.py``."""
    assert written() == SNAPSHOT.read_text(encoding="utf-8")


def test_caller_is_checked() -> None:
    """`tests/typing/api.py`, which type checkers read, uses every public name."""
    caller = CALLER.read_text(encoding="utf-8")
    used = set(re.findall(r"\bnbauth\.(\w+)", caller)) | set(re.findall(r"\b[A-Z]\w+", caller))
    assert used >= {*nbauth.__all__, *nbauth.data.paging.__all__}


def test_signature_of_profile() -> None:
    """A profile takes the same keys in the same order for type checkers as when it is made."""
    (declared,) = (
        node.args
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(nbauth.Profile))))
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    made = {name: p.default for name, p in inspect.signature(nbauth.Profile).parameters.items()}
    assert [a.arg for a in (*declared.args[1:], *declared.kwonlyargs)] == list(made)
    for argument, default in zip(declared.kwonlyargs, declared.kw_defaults, strict=True):
        expected = inspect.Parameter.empty if default is None else ast.literal_eval(default)
        assert made[argument.arg] == expected, argument.arg


if __name__ == "__main__":
    SNAPSHOT.write_text(written(), encoding="utf-8")
