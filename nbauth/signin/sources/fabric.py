"""`fabric`: who runs a notebook of Microsoft Fabric or Azure Synapse, by the module `notebookutils` that is there.

https://learn.microsoft.com/fabric/data-engineering/notebookutils/notebookutils-credentials; in Synapse the same is
below `mssparkutils`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nbauth.errors import ProviderUnavailable
from nbauth.net.secrecy import HiddenText
from nbauth.signin.sources.modules import is_there
from nbauth.signin.sources.source import Given, NotThere, wrong
from nbauth.signin.sources.token_claims import (
    identity_of,
    life_of,
    read_claims,
    why_not_for_these,
    why_not_of_this_provider,
)

if TYPE_CHECKING:
    from nbauth.signin.sources.source import Source, Wish

__all__ = ["SOURCE"]

_MODULE = "notebookutils"
# What its documentation calls the resources that it has names for; others are asked for by their address.
_NAMES = {
    "https://storage.azure.com": "storage",
    "https://analysis.windows.net/powerbi/api": "pbi",
    "https://vault.azure.net": "keyvault",
    "https://kusto.kusto.windows.net": "kusto",
}
_UNKNOWN_LIFE_S = 300.0


class _Fabric:
    """The notebook service that runs this kernel."""

    label = "Fabric"

    def ask(self, wish: Wish) -> Given:
        """Ask `notebookutils` for a token."""
        module = _module(wish)
        resource = wish.resource
        if resource is None:
            raise wrong(wish, self.label, f"gives whole resources only, and the row is {' '.join(wish.scopes)}", _STEP)
        try:
            secret = _credentials(module).getToken(_NAMES.get(resource.rstrip("/"), resource))
        except Exception as error:  # noqa: BLE001 - of the service's own kinds, with texts that may hold anything
            raise ProviderUnavailable(
                f"Profile {wish.profile.name!r}: notebookutils has no token for {resource}: {type(error).__name__}.",
                next_step="Try again; if it stays so, ask whether this service gives tokens for it.",
                has_answered=True,
            ) from None
        if not isinstance(secret, str) or not secret:
            raise wrong(wish, self.label, "answered without an access token")
        return _given(wish, module, HiddenText(secret))


SOURCE: Source = _Fabric()

_STEP = 'Write the row with one scope such as "https://storage.azure.com/.default".'


def _given(wish: Wish, module: Any, secret: HiddenText) -> Given:
    claims = read_claims(secret)
    life_s = life_of(claims, _UNKNOWN_LIFE_S)
    problem = why_not_of_this_provider(claims, wish.profile)
    problem = problem or why_not_for_these(claims, wish.profile, wish.scopes, was_asked_for=True)
    if problem is None and life_s <= 0:
        problem = "gave a token that has ended"
    if problem is not None:
        raise wrong(wish, "Fabric", problem)
    key, username = identity_of(claims)
    if not key:
        context = getattr(getattr(module, "runtime", None), "context", None) or {}
        key, username = (str(context.get(name, "")) for name in ("userId", "userName"))
    if not key:
        raise wrong(wish, "Fabric", "does not say who is signed in")
    return Given(
        secret=secret,
        life_s=life_s,
        key=key,
        username=username or key,
        name=str(claims.get("name", "")),
        tenant_id=str(claims.get("tid", "")),
        kind="application" if claims.get("idtyp") == "app" else "person",
    )


def _module(wish: Wish) -> Any:
    """Return the service's module, but none that came with the notebook's folder."""
    if not is_there(_MODULE):
        raise NotThere(wish, "Fabric", "there is no notebookutils here, as Fabric and Synapse have it")
    return import_module(_MODULE)


def _credentials(module: Any) -> Any:
    return module.credentials if hasattr(module, "credentials") else module.mssparkutils.credentials
