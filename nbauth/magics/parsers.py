"""What may stand on the line of each magic: the parsers, whose help is also what ``%login?`` shows."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.error import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FORMATS", "MAGICS", "NESTED", "PAGING", "Parser", "parsed", "parser_of"]

# What `nbauth.read` takes, written out: its own modules load pandas, and nobody is to wait for that at a Tab.
PAGING = (
    *("auto", "none", "odata", "link", "next", "cursor", "offset", "page", "search_after", "parts", "range"),
    *("fetchxml", "last_row"),
)
NESTED = ("object", "json", "flatten")
FORMATS = ("json", "ndjson", "csv", "tsv", "parquet", "excel")

_SECRETS = ("secret", "password", "token", "client-secret", "client_secret", "passphrase", "code")


class _Help(Exception):
    """`--help` was given; carries the text."""


class Parser(argparse.ArgumentParser):
    """A parser that never ends the process: IPython shows a UsageError as one line."""

    color = False  # Python 3.14 would colour the help wherever a terminal is

    def error(self, message: str) -> NoReturn:
        """Raise what a mistake is shown as."""
        raise UsageError(f"{self.prog}: {message}. Run: {self.prog} --help")

    def print_help(self, file: Any = None) -> None:
        """Raise what `parsed` prints."""
        del file
        raise _Help(self.format_help())

    def parse_line(self, line: str) -> argparse.Namespace:
        """Parse what stands behind the magic's name.

        Raises:
            UsageError: it is wrong, or holds a secret.
        """
        try:
            words = shlex.split(line)
        except ValueError as error:
            self.error(str(error).lower())
        for word in words:
            if word.startswith("--") and word[2:].partition("=")[0].lower() in _SECRETS:
                raise UsageError(
                    f"{self.prog}: a secret is never an argument: it would stand in IPython's history. "
                    'Name its place in nbauth.toml, as in client_secret = { env = "NAME" }.'
                )
        return self.parse_args(words)


def parser_of(name: str) -> Parser:
    """Return the parser of a magic, by its name without the sign."""
    return MAGICS[name]()


def parsed(name: str, line: str) -> argparse.Namespace | None:
    """Return the options on a line; None where it asks for help, which is printed.

    Raises:
        UsageError: as `Parser.parse_line`.
    """
    try:
        return parser_of(name).parse_line(line)
    except _Help as help_:
        print(help_)
        return None


def _login() -> Parser:
    from nbauth.signin.flows import FLOWS

    parser = Parser("%login", description="Sign in.", allow_abbrev=False)
    parser.add_argument(
        "profile",
        nargs="?",
        default="default",
        metavar="PROFILE",
        help="a profile of nbauth.toml (the default one)",
    )
    parser.add_argument(
        "--flow", choices=FLOWS, default="auto", help="how to ask you; auto takes the first that can work here"
    )
    parser.add_argument("--scopes", nargs="+", metavar="S", help="what to ask for, in place of what the profile says")
    parser.add_argument("--account", metavar="NAME", help="the sign-in name that is wanted")
    parser.add_argument("--tenant", metavar="T", help="another tenant than the profile's, as a GUID or a domain")
    parser.add_argument("--remember", action="store_true", help="keep the sign-in, encrypted, for later kernels")
    parser.add_argument(
        *("--timeout",),
        dest="timeout_s",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="how long to wait for you (300)",
    )
    return parser


def _logout() -> Parser:
    parser = Parser("%logout", description="Sign out: forget this kernel's tokens.", allow_abbrev=False)
    parser.add_argument("profile", nargs="?", metavar="PROFILE", help="by default every one")
    parser.add_argument("--everywhere", action="store_true", help="end the session at the provider, too")
    return parser


def _read() -> Parser:
    parser = Parser(
        "%read",
        description="Read a protected URL, with its further pages, into a DataFrame. In the URL and in the values of "
        "options {expressions} stand for their values. nbauth.read takes more than fits on a line.",
        allow_abbrev=False,
    )
    parser.add_argument("url", metavar="URL", help="an address, or a variable that holds one")
    parser.add_argument(
        "--profile", metavar="NAME", help="whose token to use (that of the profile that names the address)"
    )
    parser.add_argument("--params", nargs="+", metavar="NAME=VALUE", help="query parameters to add")
    parser.add_argument("--records", metavar="PATH", help="where the rows are in an answer, such as data.items")
    parser.add_argument("--paging", choices=PAGING, default="auto", help="how the API is paged; auto finds it out")
    parser.add_argument(
        "--nested", choices=NESTED, default="object", help="objects inside a row: as they are, as text, or as columns"
    )
    parser.add_argument("--format", choices=FORMATS, help="what the answer is in, where the server does not say it")
    parser.add_argument("--encoding", metavar="NAME", help="the character set of text, where the server says another")
    parser.add_argument("--sheet", metavar="NAME", help="the sheet of an Excel file, by its name or number from 0")
    parser.add_argument("--concurrency", type=int, metavar="N", help="how many requests at once, from 1 to 10")
    parser.add_argument("--max-bytes", type=int, metavar="N", help="how many bytes may come, decompressed")
    parser.add_argument("--arrow", action="store_true", help="Arrow's dtypes in place of pandas' own")
    parser.add_argument("--to", metavar="FILE", help="write a Parquet file in place of returning a frame")
    return parser


def _whoami() -> Parser:
    return Parser(
        "%whoami",
        description="Show who is signed in in this kernel, which of several accounts of a profile is the present "
        "one, and what takes tokens of it.",
        allow_abbrev=False,
    )


MAGICS: Mapping[str, Callable[[], Parser]] = {"login": _login, "logout": _logout, "whoami": _whoami, "read": _read}
