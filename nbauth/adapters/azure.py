"""`nbauth.credential`: one row's token as azure-core's `TokenCredential`, which every Azure SDK takes."""

from __future__ import annotations

import functools
import logging
import re
from typing import TYPE_CHECKING, Any, NoReturn, Self

from nbauth.adapters.row import Row
from nbauth.errors import ConfigError
from nbauth.next_step import Install, to_run
from nbauth.process.shielded import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions

    from nbauth.net.secrecy import HiddenText
    from nbauth.signin.tokens.access_token import AccessToken as RowsToken

__all__ = ["RowCredential", "credential"]

_LIFE_S = 1.5  # azure-core does not send a request again after a 401, unless the server says more than that
# Long past: azure-core takes a token that is to be renewed since then to the credential at every request. A sign-out
# holds at once, and which token is good is decided in one place.
_ASK_EACH_TIME = 1
_BEARER = re.compile(r"(?i)\b(Bearer )[\w.~+/=-]+")


def credential(url: str, *, profile: str | None = None) -> RowCredential:
    """Return a credential for an Azure SDK, bound to the row of `apis` that names a URL.

    The tool is given the same URL, and asks for scopes of its own accord. They have to be of the row's resource; what
    it gets is the row's token, whatever they are called.

    Args:
        url: what the SDK talks to, such as ``"https://contoso.blob.core.windows.net"``.
        profile: name of the profile; None for the one that names the URL.

    Returns:
        The credential, for clients that are asynchronous, too. On an event loop a renewal that cannot wait holds it.

    Raises:
        OriginNotAllowed: no profile names the URL.
        ConfigError: several do; the configuration is wrong; or azure-core is missing.
    """
    return RowCredential(Row(url, profile, tool="Azure credential", life_s=_LIFE_S))


class RowCredential:
    """What `credential` returns: azure-core's `TokenCredential` and `SupportsTokenInfo`, and their like with ``async``.

    Args:
        row: gives the tokens.
    """

    def __init__(self, row: Row) -> None:
        self._token_type, self._info_type = _types()
        self._row = row
        self._known: tuple[str, ...] | None = None  # scopes that were found to be the row's
        self._lent: HiddenText | None = None

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **options: Any,
    ) -> AccessToken:
        """Return the row's token, good for 1.5 seconds at least; nobody is asked.

        Args:
            scopes: what the SDK wants; any scope of the row's resource.
            claims: the claims that the server asked for, as JSON. The token at hand is replaced.
            tenant_id: the sign-in's own tenant, if one is named.
            enable_cae: not used; the profile's `client_capabilities` say what this client can handle.
            options: not used; azure-core's protocol lets a credential have more of them.

        Raises:
            OriginNotAllowed: the scopes are another resource's, or the tenant is another one. Some SDKs take them from
                the server's answer.
            SignInRequired: nobody is signed in, or somebody else than when this was made; or only a person can meet the
                claims.
            SignInFailed: the provider refuses the application.
            ProviderUnavailable: there is no valid token and the provider cannot be reached.
        """
        del enable_cae, options
        token = self._token(scopes, claims, tenant_id)
        # The very type: what goes by `isinstance`, such as Microsoft Graph's SDK, sends no token of any other.
        return self._token_type(token.secret, int(token.expires_at))

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Return the same, for clients that ask again at each request where they are told to: azure-core's own do."""
        named = options or {}
        token = self._token(scopes, named.get("claims"), named.get("tenant_id"))
        return self._info_type(token.secret, int(token.expires_at), refresh_on=_ASK_EACH_TIME)

    def _token(self, scopes: tuple[str, ...], claims: str | None, tenant_id: str | None) -> RowsToken:
        if scopes != self._known:
            self._row.check_scopes(scopes)
            self._known = scopes
        if tenant_id is not None:
            self._row.check_tenant(tenant_id)
        # A server that asks for claims has refused what was lent, which may have been asked for with the same ones.
        token = self._row.access_token(rejected=self._lent if claims else None, claims=claims or None)
        self._lent = token.secret
        return token

    def close(self) -> Any:
        """Do nothing: it holds no connection, and other clients may have it, too. What it returns can be awaited."""
        return _Done()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._row)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} belongs to this kernel's sign-in and cannot be pickled")


class _Done:
    """What was done already, for those who await it."""

    def __await__(self) -> Iterator[None]:
        return iter(())


@functools.cache
def _types() -> tuple[type[AccessToken], type[AccessTokenInfo]]:
    """Return what a token is given in: azure-core's own types, the second without the token in its repr.

    From then on azure-core's log has no token either: with ``logging_enable=True`` it writes every header to it,
    ``Authorization``, too.

    Raises:
        ConfigError: azure-core is missing, or too old.
    """
    try:
        load("azure.core.credentials", "azure.core.pipeline.policies")
        from azure.core.credentials import AccessToken, AccessTokenInfo
        from azure.core.pipeline.policies import NetworkTraceLoggingPolicy
    except ImportError:
        raise ConfigError(
            "nbauth.credential needs azure-core, 1.32 or later.", next_step=to_run(Install("nbauth[azure]"))
        ) from None

    class HiddenTokenInfo(AccessTokenInfo):
        def __repr__(self) -> str:
            return f"AccessTokenInfo(token={self.token!r}, expires_on={self.expires_on}, refresh_on={self.refresh_on})"

        def __reduce__(self) -> NoReturn:
            raise TypeError("an access token cannot be pickled")

    logging.getLogger(NetworkTraceLoggingPolicy.__module__).addFilter(_hide_tokens)
    return AccessToken, HiddenTokenInfo


def _hide_tokens(record: logging.LogRecord) -> bool:
    record.msg = _BEARER.sub(r"\1***", str(record.msg))
    return True
