"""Completion of a magic's line: profiles, flags and the values of flags, in a terminal and in a notebook's page.

A matcher of IPython's second kind (its completer's `custom_matchers`) and not a `complete_command` hook: beside a hook,
jedi completes the line as if it were Python, and a line such as ``df = %read`` has no hook at all.
"""

from __future__ import annotations

import contextlib
import glob
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher

from nbauth.magics.parsers import MAGICS, parser_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping

    from IPython.core.completer import CompletionContext, SimpleMatcherResult

__all__ = ["complete", "register"]

_IDENTIFIER = "nbauth.magics"
_FIRST = 1000  # before jedi, which would parse the whole cell for nothing
# A magic's name is behind an assignment, behind another magic that runs a line, or begins the line.
_LINE = re.compile(rf"(?:^|=|%\w+)\s*%({'|'.join(MAGICS)})[ \t]+(?P<rest>.*)$")
_BARE = re.compile(rf"^\s*({'|'.join(MAGICS)})[ \t]+(?P<rest>(?![=.(]).*)$")  # automagic: without the sign


def register(shell: Any) -> None:
    """Have a shell's completer ask here first; a second time changes nothing."""

    @context_matcher(identifier=_IDENTIFIER, priority=_FIRST)  # type: ignore[untyped-decorator]
    def match(context: CompletionContext) -> SimpleMatcherResult:
        fragment, offered = complete(context.text_until_cursor, shell)
        completions = [SimpleCompletion(text=text, type="magic") for text in offered]
        return {
            "completions": completions,
            "matched_fragment": fragment,
            "suppress": bool(completions),
            "ordered": True,
        }

    matchers = shell.Completer.custom_matchers
    matchers[:] = [each for each in matchers if getattr(each, "matcher_identifier", None) != _IDENTIFIER]
    matchers.append(match)


def complete(before: str, shell: Any) -> tuple[str, list[str]]:
    """Return what a line's last word may become.

    Args:
        before: the line up to the cursor.
        shell: whose variables there are.

    Returns:
        The part of the line that each completion takes the place of, and the completions; none where the line is no
        magic's of these, or nothing is known of the word.
    """
    found = _LINE.search(before)
    if found is None and getattr(shell, "automagic", False):
        found = _BARE.search(before)
        found = None if found is not None and found[1] in shell.user_ns else found
    if found is None:
        return "", []
    *words, last = re.split(r"[ \t]+", found["rest"])
    parser = parser_of(found[1])
    actions = {name: action for action in parser._actions for name in action.option_strings}  # noqa: SLF001
    if last.startswith("--") and "=" in last:
        option, _, last = last.partition("=")
        offered = _values(actions.get(option), last, shell)
    elif last.startswith("-"):
        offered = [option for option in actions if option.startswith("--") and option not in words]
    else:
        offered = _words(found[1], words, last, actions, shell)
    return last, [text for text in offered if text.startswith(last)]


def _words(
    magic: str, words: list[str], last: str, actions: Mapping[str, argparse.Action], shell: Any
) -> Iterable[str]:
    """Return what may stand where no flag does."""
    option, given, positional = None, 0, 0
    for word in words:
        if word.startswith("-"):
            option, given = actions.get(word.partition("=")[0]), int("=" in word)
        elif option is not None and (option.nargs == "+" or (option.nargs is None and given == 0)):
            given += 1
        else:
            positional += 1
    takes_value = option is not None and option.nargs != 0 and (given == 0 or option.nargs == "+")
    if takes_value:
        return _values(option, last, shell)
    if positional == 0 and magic in _FIRST_WORDS:
        return _FIRST_WORDS[magic](last, shell)
    return [name for name in actions if name.startswith("--") and name not in words] if not last else []


def _values(option: argparse.Action | None, last: str, shell: Any) -> Iterable[str]:
    if option is None:
        return []
    if option.choices is not None:
        return [str(choice) for choice in option.choices]
    known = _OF_OPTIONS.get(option.dest)
    return known(last, shell) if known is not None else []


def _profiles(_last: str, _shell: Any) -> list[str]:
    from nbauth import kernel

    return kernel.profile_names()


def _accounts(_last: str, _shell: Any) -> list[str]:
    from nbauth import kernel

    return list(dict.fromkeys(account.username for account in kernel.accounts()))


def _scopes(_last: str, _shell: Any) -> list[str]:
    rows = (scopes for profile in _known_profiles() for scopes in profile.apis.values())
    return list(dict.fromkeys(scope for scopes in rows for scope in scopes))


def _addresses(_last: str, shell: Any) -> list[str]:
    """Return variables that hold an address, and the origins that profiles name."""
    variables = [
        name
        for name, value in shell.user_ns.items()
        if isinstance(value, str) and value.startswith(("http:", "https:"))
    ]
    origins = (origin for profile in _known_profiles() for origin in profile.apis)
    return [*variables, *dict.fromkeys(f"{origin.rstrip('/')}/" for origin in origins if origin.startswith("http"))]


def _files(last: str, _shell: Any) -> list[str]:
    paths = sorted(glob.glob(glob.escape(last) + "*"))  # noqa: PTH207 - as it was typed, with ./ at its beginning
    return [f"{path}/" if Path(path).is_dir() else path for path in paths if Path(path).is_dir() or _is_table(path)]


def _is_table(path: str) -> bool:
    return path.endswith((".parquet", ".pq"))


def _known_profiles() -> list[Any]:
    from nbauth import kernel
    from nbauth.errors import NbauthError

    with contextlib.suppress(NbauthError, OSError):
        return list(kernel.config().profiles.values())
    return []


_FIRST_WORDS: Mapping[str, Callable[[str, Any], list[str]]] = {
    "login": _profiles,
    "logout": _profiles,
    "read": _addresses,
}
_OF_OPTIONS: Mapping[str, Callable[[str, Any], list[str]]] = {
    "profile": _profiles,
    "account": _accounts,
    "scopes": _scopes,
    "to": _files,
}
