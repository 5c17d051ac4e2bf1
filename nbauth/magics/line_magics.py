"""The magics: each parses a line, calls one function, and shows its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from nbauth.magics import completion
from nbauth.magics.parsers import parsed, parser_of
from nbauth.next_step import show_in
from nbauth.process.shielded import load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

__all__ = ["NbauthMagics", "register"]

F = TypeVar("F", bound="Callable[..., Any]")


def _with_help(method: F) -> F:
    """Have ``%login?`` show the whole help, made when somebody asks: IPython calls `getdoc` before `__doc__`."""
    name = method.__name__
    method.getdoc = lambda: parser_of(name).format_help()  # type: ignore[attr-defined]
    return method


@magics_class
class NbauthMagics(Magics):
    """`%login`, `%logout`, `%whoami` and `%read`."""

    @line_magic
    @_with_help
    def login(self, line: str) -> None:
        """Sign in. `%login --help` lists the options."""
        options = parsed("login", line)
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
    @_with_help
    def logout(self, line: str) -> None:
        """Sign out. `%logout --help` lists the options."""
        options = parsed("logout", line)
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
    @_with_help
    def whoami(self, line: str) -> Any:
        """Show who is signed in, and what takes tokens of it."""
        if parsed("whoami", line) is None:
            return None
        from nbauth import api, kernel
        from nbauth.frontend.tables import AccountsTable

        return AccountsTable(api.accounts(), kernel.loans())

    # IPython would replace the $top and $filter of an OData address by variables of these names.
    @no_var_expand
    @line_magic
    @_with_help
    def read(self, line: str) -> pd.DataFrame | Path | None:
        """Read a protected URL into a DataFrame. `%read --help` lists the options."""
        options = parsed("read", line)
        if options is None:
            return None
        from nbauth import api

        given = vars(options)
        url = self._variable(given.pop("url"))
        given["dtype_backend"] = "pyarrow" if given.pop("arrow") else None
        given["params"] = self._parameters(options.params)
        for name in ("records", "to", "sheet"):
            given[name] = None if given[name] is None else self._expanded(given[name])
        if (given["sheet"] or "").isdecimal():
            given["sheet"] = int(given["sheet"])
        rows: pd.DataFrame | Path = api.read(url, **given)
        return rows

    def _variable(self, text: str) -> str:
        """Return the address: a variable's value, or the text with its {expressions} evaluated."""
        assert self.shell is not None
        value = self.shell.user_ns.get(text) if text.isidentifier() else None
        return value if isinstance(value, str) else self._expanded(text)

    def _parameters(self, given: list[str] | None) -> dict[str, str | list[str]] | None:
        """Return query parameters; one that is given several times has all of its values."""
        if given is None:
            return None
        named: dict[str, list[str]] = {}
        for text in given:
            name, equals, value = text.partition("=")
            if not name or not equals:
                raise UsageError(f"%read: --params: expected NAME=VALUE, found {text}. Run: %read --help")
            named.setdefault(name, []).append(self._expanded(value))
        return {name: values[0] if len(values) == 1 else values for name, values in named.items()}

    def _expanded(self, text: str) -> str:
        """Return a text with its {expressions} evaluated."""
        assert self.shell is not None
        if "{" not in text:
            return text
        namespace = self.shell.user_ns
        from IPython.utils.text import FullEvalFormatter

        try:
            return str(FullEvalFormatter().vformat(text, (), namespace))
        except Exception as error:  # noqa: BLE001 - whatever the person's expression raises
            raise UsageError(f"%read: {text}: {type(error).__name__}: {error}") from None


def register(shell: Any) -> None:
    """Register the magics and their completion with an IPython shell; the next step of an error is a magic then."""
    shell.register_magics(NbauthMagics(shell))
    completion.register(shell)
    show_in("magic")
