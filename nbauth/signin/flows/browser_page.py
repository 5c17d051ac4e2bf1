"""What the page that shows a prompt tells of itself, from which a flow that works there is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from nbauth.net.origins import host_of, is_loopback, origin_of

__all__ = ["CALLBACK_PATH", "BrowserPage", "OtherFlow", "callback_uri", "is_callback_page", "is_editor", "may_probe"]

# Where every Jupyter server serves what lies in share/jupyter/labextensions/nbauth/static/.
CALLBACK_PATH = "lab/extensions/nbauth/static/callback.html"
_USER_REDIRECT = "/hub/user-redirect/"  # JupyterHub's way to the server of whoever is signed in
# Origins of VS Code's webviews: on the desktop, where its descendants have the same, and in a browser.
_EDITOR_SCHEME = "vscode-webview://"
_EDITOR_HOST = ".vscode-cdn.net"


@dataclass(frozen=True, kw_only=True)
class BrowserPage:
    """The page in the person's browser.

    Attributes:
        origin: its origin, as in ``https://hub.example.com``.
        callback: address of the callback page on the same server.
        callback_served: the server has the callback page.
        reaches_kernel: the browser reaches a listener on the kernel's loopback; None where the page cannot find out.
    """

    origin: str
    callback: str
    callback_served: bool
    reaches_kernel: bool | None


class OtherFlow(Exception):
    """The person chose another flow than the one that runs.

    Args:
        flow: its name.
    """

    def __init__(self, flow: str) -> None:
        super().__init__(flow)
        self.flow = flow


def is_editor(origin: str) -> bool:
    """Tell whether a page is a webview of VS Code's, whose origin says nothing about where the kernel runs."""
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:  # the page says something that is no address
        return False
    return origin.startswith(_EDITOR_SCHEME) or host.endswith(_EDITOR_HOST)


def may_probe(origin: str) -> bool:
    """Tell whether a page may be asked to reach the kernel's loopback.

    From a public page the browser would ask the person whether that page may look around on their machine.
    """
    if not origin.isascii() or not origin.isprintable():  # the answer names it in a header
        return False
    try:
        return is_loopback(origin) or origin.startswith(_EDITOR_SCHEME)
    except ValueError:
        return False


def is_callback_page(uri: str) -> bool:
    """Tell whether an address is that of a callback page, on whatever server."""
    return uri.endswith(CALLBACK_PATH.rpartition("/extensions")[2])


def callback_uri(redirect_uri: str | None, page: BrowserPage) -> str | None:
    """Return the redirect URI that ends on this server's callback page, or None where none is registered.

    The answer is handed over by a BroadcastChannel, which joins pages of one origin only.

    Args:
        redirect_uri: the registered redirect URI.
        page: the page that waits for the answer.
    """
    try:
        if redirect_uri is None or not (_is_here(redirect_uri, page) or _is_hub(redirect_uri, page)):
            return None
    except ValueError:  # the page says something that is no address
        return None
    if not is_loopback(redirect_uri):
        return redirect_uri
    # Entra ignores the port of localhost (RFC 8252 §7.3 says so of loopback addresses), but not its path.
    return urlsplit(redirect_uri)._replace(netloc=urlsplit(page.origin).netloc).geturl()


def _is_here(redirect_uri: str, page: BrowserPage) -> bool:
    same_path = urlsplit(redirect_uri).path == urlsplit(page.callback).path
    return same_path and _same_place(redirect_uri, page) and origin_of(page.callback) == origin_of(page.origin)


def _is_hub(redirect_uri: str, page: BrowserPage) -> bool:
    prefix, found, rest = urlsplit(redirect_uri).path.partition(_USER_REDIRECT)
    if not found or rest != CALLBACK_PATH or not urlsplit(page.callback).path.startswith(f"{prefix}/user/"):
        return False
    # A hub may give every user a subdomain.
    hub, here = (host_of(url).rpartition(":")[0] for url in (redirect_uri, page.origin))
    return _same_place(redirect_uri, page) or here.endswith(f".{hub}")


def _same_place(redirect_uri: str, page: BrowserPage) -> bool:
    if is_loopback(redirect_uri):
        registered, here = urlsplit(redirect_uri), urlsplit(page.origin)
        return (registered.scheme, registered.hostname) == (here.scheme, here.hostname)
    return origin_of(redirect_uri) == origin_of(page.origin)
