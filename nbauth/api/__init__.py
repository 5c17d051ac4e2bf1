"""The public functions, each with its one signature; `nbauth` has them under the same names."""

from nbauth.api.loading import open, pages, read, session  # noqa: A004 - a contract name, as in gzip.open
from nbauth.api.sign_in import client, login, login_async, logout
from nbauth.kernel import accounts, add_profile

__all__ = [
    "accounts",
    "add_profile",
    "client",
    "login",
    "login_async",
    "logout",
    "open",
    "pages",
    "read",
    "session",
]
