"""Sign-in for Jupyter notebooks and the data tools in them."""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as type checkers know it; importing typing would take most of the time of `import nbauth`
if TYPE_CHECKING:
    from nbauth import adapters as adapters  # for `nbauth.adapters.sqlalchemy` and its like
    from nbauth import dask as dask  # for `nbauth.dask.read`
    from nbauth import data as data  # for `nbauth.data.paging`, which `__all__` does not name
    from nbauth import errors
    from nbauth.adapters.azure import credential
    from nbauth.adapters.http import auth
    from nbauth.adapters.share import share
    from nbauth.adapters.tokens import token_provider
    from nbauth.api import accounts, add_profile, client, login, login_async, logout, pages, read, session
    from nbauth.api import open as open  # noqa: A004 - a contract name, as in gzip.open
    from nbauth.data.fetch.session import Session
    from nbauth.frontend.panel.panel import SignInPanel
    from nbauth.signin.profile.account import Account
    from nbauth.signin.profile.profile import Profile

__version__ = "0.1.0"

__all__ = [
    "Account",
    "Profile",
    "Session",
    "SignInPanel",
    "accounts",
    "add_profile",
    "auth",
    "client",
    "credential",
    "errors",
    "login",
    "login_async",
    "logout",
    "open",
    "pages",
    "read",
    "session",
    "share",
    "token_provider",
]

# Where a name comes from; all others are verbs of `nbauth.api`.
_MODULES = {
    "Account": "nbauth.signin.profile.account",
    "Profile": "nbauth.signin.profile.profile",
    "Session": "nbauth.data.fetch.session",
    "SignInPanel": "nbauth.frontend.panel.panel",
    "auth": "nbauth.adapters.http",
    "credential": "nbauth.adapters.azure",
    "share": "nbauth.adapters.share",
    "token_provider": "nbauth.adapters.tokens",
}


def _on_first_use(name: str) -> object:
    # On first use (PEP 562), so that `import nbauth` loads neither MSAL nor pandas nor requests.
    if name == "errors":
        return importlib.import_module("nbauth.errors")
    if name not in ("adapters", "dask", "data") and name not in __all__:
        raise AttributeError(f"module 'nbauth' has no attribute {name!r}")
    from nbauth.process.shielded import load

    if name == "adapters":
        load("nbauth.adapters")
        return importlib.import_module("nbauth.adapters")
    if name == "dask":
        load("nbauth.dask")
        return importlib.import_module("nbauth.dask")
    if name == "data":  # `nbauth.data.paging` holds what `paging=` takes
        load("nbauth.data.paging")
        return importlib.import_module("nbauth.data")
    module = _MODULES.get(name, "nbauth.api")
    load(module)
    value = globals()[name] = getattr(importlib.import_module(module), name)
    return value


if not TYPE_CHECKING:  # a type checker that saw it would take any misspelled name for one of nbauth's
    __getattr__ = _on_first_use


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(ipython: object) -> None:
    """Register the magics; called by ``%load_ext nbauth``."""
    from nbauth.process.shielded import load

    load("nbauth.magics")
    importlib.import_module("nbauth.magics").register(ipython)
