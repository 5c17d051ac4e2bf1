"""What a person reads before they sign in: which application asks, and where the tokens may go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from nbauth.frontend.text import one_line, printable, shortened, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbauth.signin.flows.sign_in_request import SignInRequest

__all__ = ["facts_of", "text_of"]

_MOST_SCOPES = 8
_TERM_WIDTH = 18
_LONGEST_SCOPE = 120
_NO_SCOPE = re.compile(r"[^\x21-\x7e]")  # RFC 6749 §3.3


def facts_of(request: SignInRequest) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return terms, and for each term its lines, all of them fit to be shown.

    Every host is there whole: origins, the provider's, further ones. Lists of scopes and long texts are cut off.
    """
    facts: list[tuple[str, Iterable[str]]] = [
        ("Application", [request.client_id]),
        ("Provider", [request.authority_host]),
    ]
    if request.tenant:
        facts.append(("Tenant", [shortened(quote(request.tenant))]))
    if request.endpoint_hosts:
        facts.append(("Also trusts", request.endpoint_hosts))
    if request.ca_bundle is not None:
        facts.append(("Certificates of", [f"the usual authorities and {shortened(request.ca_bundle)}"]))
    if request.proxies is not None:
        through = [f"{_url(proxy)} for {scheme}" for scheme, proxy in request.proxies.items()]
        facts.append(("Proxy", through or ["none, whatever the environment names"]))
    if request.redirect_uri is not None:
        facts.append(("Comes back to", [_url(request.redirect_uri)]))
    needed = list(request.apis.values())
    if request.scopes != (needed[0] if needed else ()):
        facts.append(("Asks for", [_scopes(request.scopes)]))
    origins = [f"{origin} — {_scopes(scopes)}" for origin, scopes in request.apis.items()]
    facts.append(("Tokens may go to", origins or ["nowhere"]))
    facts.append(("Configured in", [shortened(request.source)]))
    return tuple((term, tuple(one_line(line) for line in lines)) for term, lines in facts)


def text_of(request: SignInRequest, *, width: int = 80) -> str:
    """Return the facts as plain text, each on lines of its own.

    Args:
        request: the request.
        width: how many characters a line may have.
    """
    lines = [printable(f"Sign-in of profile {request.profile}")]
    for term, texts in facts_of(request):
        for number, text in enumerate(texts):
            head = f"  {'' if number else term:<{_TERM_WIDTH}}"
            lines += wrapped(text, head=head, deeper=_TERM_WIDTH + 6, width=width)
    return "\n".join(lines)


def _url(url: str) -> str:
    """Return a URL with its host whole, however long it is."""
    scheme, _, host, *rest = url.split("/", 3)
    return "/".join([scheme, "", host, *map(shortened, rest)])


def _scopes(scopes: Iterable[str]) -> str:
    # A blank in a scope makes two of it (RFC 6749 §3.3).
    names = [shortened(_NO_SCOPE.sub("�", name), _LONGEST_SCOPE) for scope in scopes for name in scope.split()]
    more = len(names) - _MOST_SCOPES
    shown = ", ".join(names[:_MOST_SCOPES] if more > 0 else names) or "no scopes"
    return f"{shown} and {more} more" if more > 0 else shown
