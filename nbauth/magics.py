"""The magics: each parses a line, calls one function, and shows its result."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from nbauth.next_step import show_in
from nbauth.process.shielded import load

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NbauthMagics", "register"]

_SECRETS = ("secret", "password", "token", "client-secret", "client_secret", "passphrase", "code")
_OPTIONS = {
    "login": ("--flow", "--scopes", "--account", "--tenant", "--remember", "--timeout", "--help"),
    "logout": ("--everywhere", "--help"),
    "whoami": ("--help",),
    "read": ("--profile", "--help"),
}


class _Help(Exception):
    """`--help` was given; carries the text."""


class _Parser(argparse.ArgumentParser):
    """A parser that never ends the process: IPython shows a UsageError as one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}. Run: {self.prog} --help")

    def print_help(self, file: Any = None) -> None:
        del file
        raise _Help(self.format_help())

    def parse_line(self, line: str) -> argparse.Namespace:
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


def _flows() -> tuple[str, ...]:
    from nbauth.signin.flows import FLOWS

    return FLOWS


def _login_parser() -> _Parser:
    parser = _Parser("%login", description="Sign in.", allow_abbrev=False)
    parser.add_argument("profile", nargs="?", default="default", metavar="PROFILE", help="a profile of nbauth.toml")
    parser.add_argument("--flow", choices=_flows(), default="auto", help="how to sign in")
    parser.add_argument("--scopes", nargs="+", metavar="S", help="what to ask for")
    parser.add_argument("--account", metavar="NAME", help="the sign-in name that is wanted")
    parser.add_argument("--tenant", metavar="T", help="another tenant, as a GUID or a domain")
    parser.add_argument("--remember", action="store_true", help="keep the sign-in for later kernels")
    parser.add_argument(
        "--timeout", dest="timeout_s", type=float, default=300.0, metavar="SECONDS", help="how long to wait"
    )
    return parser


def _logout_parser() -> _Parser:
    parser = _Parser("%logout", description="Sign out: forget this kernel's tokens.", allow_abbrev=False)
    parser.add_argument("profile", nargs="?", metavar="PROFILE", help="by default every one")
    parser.add_argument("--everywhere", action="store_true", help="end the session at the provider, too")
    return parser


def _read_parser() -> _Parser:
    parser = _Parser("%read", description="Read a protected URL into a DataFrame.", allow_abbrev=False)
    parser.add_argument("url", metavar="URL", help="an address, a variable that holds one, or one with {expressions}")
    parser.add_argument("--profile", metavar="NAME", help="whose token to use")
    return parser


def _whoami_parser() -> _Parser:
    return _Parser(
        "%whoami", description="Show who is signed in in this kernel, and what that is lent to.", allow_abbrev=False
    )


@magics_class
class NbauthMagics(Magics):
    """`%login`, `%logout`, `%whoami` and `%read`."""

    @line_magic
    def login(self, line: str) -> None:
        """Sign in. `%login --help` lists the options."""
        options = _parsed(_login_parser(), line)
        if options is None:
            return
        from nbauth import api
        from nbauth.environment import detect
        from nbauth.frontend.tables import as_whom, good_for, signed_in_by
        from nbauth.frontend.text import printable

        if options.flow == "auto" and detect().front_end == "voila":
            self._show_panel(options)
            return
        account = api.login(**vars(options))
        who = f"{as_whom(account)}{signed_in_by(account)}"
        where = f" in tenant {account.tenant_id}" if options.tenant else ""
        good = good_for(account.expires_at)
        print(f"Signed in to {account.profile} as {printable(who)}{printable(where)}; the token is good for {good}.")

    def _show_panel(self, options: argparse.Namespace) -> None:
        """Show a panel that does not block: Voila shows the page only when its cells have ended."""
        from IPython.display import display

        load("nbauth.frontend.panel.panel")
        from nbauth.frontend.panel.panel import SignInPanel

        display(SignInPanel(**vars(options)))

    @line_magic
    def logout(self, line: str) -> None:
        """Sign out. `%logout --help` lists the options."""
        options = _parsed(_logout_parser(), line)
        if options is None:
            return
        from nbauth import api, kernel
        from nbauth.frontend.tables import no_more
        from nbauth.frontend.text import printable

        # A job's profile needs no sign-in, so what is lent of it gets its tokens again.
        people = {account.profile for account in api.accounts() if account.kind == "person"}
        loans = [loan for loan in kernel.loans() if loan.profile in people and options.profile in (None, loan.profile)]
        gone = dict.fromkeys(api.logout(options.profile, everywhere=options.everywhere))
        print(f"Signed out: {printable(', '.join(gone))}." if gone else "Nobody was signed in.")
        if loans:
            print(no_more(loans))

    @line_magic
    def whoami(self, line: str) -> Any:
        """Show who is signed in, and what takes tokens of it."""
        if _parsed(_whoami_parser(), line) is None:
            return None
        from nbauth import api, kernel
        from nbauth.frontend.tables import AccountsTable

        return AccountsTable(api.accounts(), kernel.loans())

    # IPython would replace the $top and $filter of an OData address by variables of these names.
    @no_var_expand
    @line_magic
    def read(self, line: str) -> pd.DataFrame | None:
        """Read a protected URL into a DataFrame. `%read --help` lists the options."""
        options = _parsed(_read_parser(), line)
        if options is None:
            return None
        from nbauth import api

        return api.read(self._expanded(options.url), profile=options.profile)

    def _expanded(self, text: str) -> str:
        """Return the address: a variable's value, or the text with its {expressions} evaluated."""
        assert self.shell is not None
        namespace = self.shell.user_ns
        if text.isidentifier() and isinstance(namespace.get(text), str):
            return str(namespace[text])
        if "{" not in text:
            return text
        from IPython.utils.text import FullEvalFormatter

        try:
            return str(FullEvalFormatter().vformat(text, (), namespace))
        except Exception as error:  # noqa: BLE001 - whatever the person's expression raises
            raise UsageError(f"%read: {text}: {type(error).__name__}: {error}") from None


def _parsed(parser: _Parser, line: str) -> argparse.Namespace | None:
    try:
        return parser.parse_line(line)
    except _Help as help_:
        print(help_)
        return None


def _complete(_shell: Any, event: Any) -> list[str]:
    """Complete profile names, options and flows; called by IPython with the line up to the cursor."""
    words = event.text_until_cursor.split()
    magic = event.command.lstrip("%")
    before = words if event.text_until_cursor.endswith((" ", "\t")) else words[:-1]
    previous = before[-1] if before else ""
    if previous == "--flow":
        return list(_flows())
    if event.symbol.startswith("-"):
        return list(_OPTIONS[magic])
    expects_profile = previous == "--profile" if magic == "read" else len(before) == 1 and magic != "whoami"
    if expects_profile:
        from nbauth import kernel

        return kernel.profile_names()
    return [option for option in _OPTIONS[magic] if option not in words] if not event.symbol else []


def register(shell: Any) -> None:
    """Register the magics and their completion with an IPython shell; the next step of an error is a magic then."""
    shell.register_magics(NbauthMagics(shell))
    for name in _OPTIONS:
        shell.set_hook("complete_command", _complete, str_key=f"%{name}")
    show_in("magic")
