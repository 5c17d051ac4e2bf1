"""The pages that a person sees: small, without a script but one, and closed to what they did not bring themselves."""

from __future__ import annotations

import secrets
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nbauth.demo.http.messages import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nbauth.demo.provider.registry import User

__all__ = ["choose_page", "form_post_page", "message_page", "user_code_page"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --dim: #5a6675; --paper: #f3f1ec; --card: #fff; --line: #d8d4ca;
  --accent: #0b5cad; --on-accent: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaee; --dim: #a3adba; --paper: #14181d; --card: #1d232a;
  --line: #3a434e; --accent: #6db3f2; --on-accent: #0c1218; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 26rem; background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: 1.75rem; overflow-wrap: anywhere; }
h1 { font-size: 1.35rem; line-height: 1.25; margin: 0 0 .75rem; }
p, ul { margin: 0 0 1rem; } ul { padding-left: 1.2rem; } small, .dim { color: var(--dim); font-size: .875rem; }
form { display: grid; gap: .6rem; margin: 1.25rem 0 1rem; }
button, input { font: inherit; padding: .7rem 1rem; border-radius: 9px; border: 1px solid var(--line); width: 100%;
  background: transparent; color: inherit; text-align: left; min-height: 2.9rem; }
button { cursor: pointer; } button:hover { border-color: var(--accent); }
button small { display: block; } button.first { background: var(--accent); border-color: var(--accent);
  color: var(--on-accent); } button.first small { color: inherit; }
input { font-size: 1.25rem; letter-spacing: .12em; text-transform: uppercase; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
footer { border-top: 1px solid var(--line); padding-top: .9rem; }
"""


def choose_page(
    *,
    action: str,
    ticket: str,
    client_name: str,
    goes_to: str,
    asks_for: Iterable[str],
    users: Iterable[User],
    first: str | None,
    redirect_uri: str | None = None,
) -> Response:
    """Return the page where a person says who they are, or cancels.

    Args:
        action: where the form is posted.
        ticket: what the page is about.
        client_name: the name of the client that asks.
        goes_to: where the answer goes, for people to read.
        asks_for: the scopes.
        users: those to choose among.
        first: key of the user to put first.
        redirect_uri: where the browser is sent afterwards.
    """
    ordered = sorted(users, key=lambda user: user.key != first)
    buttons = "".join(
        f'<button name="choice" value="{escape(user.key)}"{" class=first autofocus" if not index else ""}>'
        f"{escape(user.name)}<small>{escape(user.username)}</small></button>"
        for index, user in enumerate(ordered)
    )
    scopes = "".join(f"<li>{escape(scope)}</li>" for scope in asks_for)
    body = (
        f"<h1>{escape(client_name)} asks you to sign in</h1>"
        f'<p class="dim">The answer goes to {escape(goes_to)}. It asks for:</p><ul class="dim">{scopes}</ul>'
        f'<form method="post" action="{escape(action)}">'
        f'<input type="hidden" name="ticket" value="{escape(ticket)}">{buttons}'
        '<button name="choice" value="cancel">Cancel</button></form>'
    )
    return _page("Sign in", body, form_targets=("'self'", *_form_target(redirect_uri)))


def user_code_page(*, action: str, typed: str = "", problem: str | None = None) -> Response:
    """Return the page where a person types the code that a device shows."""
    trouble = f'<p role="alert"><strong>{escape(problem)}</strong></p>' if problem else ""
    body = (
        "<h1>Enter the code</h1>"
        f"{trouble}<p>Only if you started this sign-in yourself: whoever gave you the code is signed in as you.</p>"
        f'<form method="post" action="{escape(action)}"><label for="user_code">The code from your notebook</label>'
        f'<input id="user_code" name="user_code" value="{escape(typed)}" autocomplete="off" autofocus required '
        'spellcheck="false" placeholder="XXXX-XXXX"><button class="first">Next</button></form>'
    )
    return _page("Enter the code", body, status=400 if problem else 200, form_targets=("'self'",))


def message_page(title: str, text: str, *, status: int = 200, cookies: Iterable[str] = ()) -> Response:
    """Return a page that only says something."""
    body = f"<h1>{escape(title)}</h1><p>{escape(text)}</p>"
    return _page(title, body, status=status, cookies=cookies)


def form_post_page(target: str, fields: Mapping[str, str], *, cookies: Iterable[str] = ()) -> Response:
    """Return the page that posts an answer to a client (OAuth 2.0 Form Post Response Mode)."""
    nonce = secrets.token_urlsafe(16)
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )
    body = (
        f'<h1>Signed in</h1><form method="post" action="{escape(target)}">{hidden}'
        f'<button class="first">Go on</button></form><script nonce="{nonce}">document.forms[0].submit()</script>'
    )
    return _page("Signed in", body, form_targets=_form_target(target), script_nonce=nonce, cookies=cookies)


def _form_target(uri: str | None) -> tuple[str, ...]:
    # Chromium holds the redirect that follows a posted form against form-action too. A hub redirects further, to its
    # users' hosts; and there is no way to write an IPv6 host in a policy: so allow the scheme.
    if uri is None:
        return ()
    parts = urlsplit(uri)
    if parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"}:
        return (f"http://{parts.netloc}",)
    return (f"{parts.scheme}:",)


def _page(
    title: str,
    body: str,
    *,
    status: int = 200,
    form_targets: Iterable[str] = (),
    script_nonce: str | None = None,
    cookies: Iterable[str] = (),
) -> Response:
    nonce = secrets.token_urlsafe(16)
    html = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)} · nbauth demo</title><style nonce="{nonce}">{_STYLE}</style>'
        f"<main>{body}<footer><small>Demo provider: anyone may be anyone.</small></footer></main></html>"
    )
    policy = [
        "default-src 'none'",
        f"style-src 'nonce-{nonce}'",
        f"form-action {' '.join(form_targets) or chr(39) + 'none' + chr(39)}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        *([f"script-src 'nonce-{script_nonce}'"] if script_nonce else []),
    ]
    return Response(
        status=status,
        body=html.encode(),
        content_type="text/html; charset=utf-8",
        headers=(
            ("Content-Security-Policy", "; ".join(policy)),
            # As Entra: the page that opened this one cannot watch it.
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            *(("Set-Cookie", cookie) for cookie in cookies),
        ),
    )
