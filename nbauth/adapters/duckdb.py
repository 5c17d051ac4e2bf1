"""DuckDB's httpfs with the kernel's sign-in: a temporary secret for one server, there as long as it is held."""

from __future__ import annotations

import contextlib
import uuid
import weakref
from typing import TYPE_CHECKING, NoReturn, Self

import duckdb

from nbauth import kernel
from nbauth.adapters.row import Row
from nbauth.errors import NbauthError, SignInRequired
from nbauth.net.secrecy import clears_frames
from nbauth.process import visitors
from nbauth.signin.profile.resolve import by_name

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from nbauth.net.secrecy import HiddenText

__all__ = ["Secret"]

# The token is a parameter: the texts of queries stand in DuckDB's logs. SCOPE is a prefix of text: without its slash
# "https://host:3638" is good for port 36387, too. VERIFY_SSL because one of httpfs's implementations ("httplib") sends
# the token to whatever server answers, unless it is told otherwise.
_CREATE = "CREATE OR REPLACE TEMPORARY SECRET {} (TYPE http, BEARER_TOKEN ?, VERIFY_SSL true, SCOPE ?)"
_DROP = "DROP TEMPORARY SECRET IF EXISTS {}"


class Secret:
    """A temporary secret in a connection's database, with which its httpfs reads from the server of one row of `apis`.

    It is dropped at a sign-out, when another person signs in, and when this object is closed or no longer held. DuckDB
    keeps the token that it is given: call `renew` before each query; it costs microseconds where the token is good.

    Args:
        connection: the connection; all connections to its database have the secret.
        url: the server, such as ``"https://data.contoso.com"``.
        profile: name of the profile; None for the one that names the URL.
        life_s: seconds that the token must be good for at least after `renew`, where the provider's tokens live that
            long: as long as a query may take, since httpfs does not ask for another one.

    Raises:
        OriginNotAllowed: no profile names the URL.
        ConfigError: several do; or the configuration is wrong.
        SignInRequired: nobody is signed in; or a server with several visitors runs here, and the profile is a person's:
            whoever queries the database would read with that person's eyes.
        SignInFailed: the provider refuses the application.
        ProviderUnavailable: there is no valid token and the provider cannot be reached.
        duckdb.Error: this DuckDB has no such secrets. 1.5 has them.
    """

    def __init__(
        self, connection: DuckDBPyConnection, url: str, *, profile: str | None = None, life_s: float = 300.0
    ) -> None:
        self._row = Row(url, profile, tool="DuckDB secret", life_s=life_s)
        _check_alone(self._row)
        self._name = f"nbauth_{uuid.uuid4().hex}"
        self._connection = weakref.ref(connection)  # it closes when its owner lets go of it
        self._given: HiddenText | None = None
        self._drop = weakref.finalize(self, _drop, self._connection, self._name)
        self._drop.atexit = False  # it ends with the process
        self.renew()
        kernel.watch(self._look_again)

    def __repr__(self) -> str:
        return repr(self._row)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} belongs to this kernel's sign-in and cannot be pickled")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @clears_frames
    def renew(self) -> None:
        """Give DuckDB the present token, if it has another one; errors are those of the class."""
        connection = self._connection()
        token = self._row.access_token().secret
        if connection is None or not self._drop.alive or token == self._given:
            return
        # A cursor: a result that is still to be fetched from the connection stays.
        with connection.cursor() as cursor:
            cursor.execute(_CREATE.format(self._name), [token, f"{self._row.origin}/"])
        self._given = token

    def close(self) -> None:
        """Drop the secret; a second call does nothing."""
        self._drop()
        self._given = None
        kernel.loan_ended(self._row)

    def _look_again(self) -> None:
        if self._given is not None:
            try:
                self._row.check_sign_in()
            except NbauthError:  # whatever it is: who watches must not keep a sign-out from the others
                self._given = None
                _drop(self._connection, self._name)


def _check_alone(row: Row) -> None:
    here = visitors.whose()
    if here is not None and by_name(kernel.config(), row.profile).is_personal:
        raise SignInRequired(
            f"Profile {row.profile!r}: {here.server} serves several visitors in this process, and a secret is "
            "good for everybody who queries its database.",
            profile=row.profile,
            scopes=row.scopes,
            next_step='Read "nbauth+https://…" instead: it is read by whose visit it is.',
        )


def _drop(reference: weakref.ref[DuckDBPyConnection], name: str) -> None:
    connection = reference()
    if connection is not None:
        with contextlib.suppress(duckdb.Error), connection.cursor() as cursor:  # closed: then it is gone
            cursor.execute(_DROP.format(name))
