"""A program that a kernel starts, as `python sharing_process.py WORK URL`: it does work, and tells how it ended.

Each line that it prints is JSON. With ``wait`` before the work it does it again after each line that comes in.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import nbauth
from nbauth import kernel
from nbauth.errors import NbauthError


def me(url: str) -> Any:
    """Return who the API says that it is asked by."""
    with nbauth.session() as session:
        return session.get(f"{url}/me").json()["displayName"]


def rows(url: str) -> Any:
    """Return how many rows an API has."""
    return len(nbauth.read(f"{url}/cities"))


def token(_url: str) -> Any:
    """Return the end of the token at hand, and whether there is more than that of a sign-in here."""
    profile = kernel.config().profiles["demo"]
    credential = kernel.credential_of(profile, profile.login_scopes)
    return [credential.token(profile.login_scopes)[-8:], kernel._state.connections is not None]


def another(url: str) -> Any:
    """Return the end of a token that takes the place of the one at hand, as after a 401."""
    del url
    profile = kernel.config().profiles["demo"]
    credential = kernel.credential_of(profile, profile.login_scopes)
    return credential.token(profile.login_scopes, rejected=credential.token(profile.login_scopes))[-8:]


def for_a_while(url: str) -> Any:
    """Ask the API until three tokens have been needed; return who it said it was, and how many tokens there were."""
    tokens: set[str] = set()
    names = set()
    while len(tokens) < 3:
        names.add(me(url))
        tokens.add(token(url)[0])
    return [sorted(names), len(tokens)]


def lent_on(url: str) -> Any:
    """Return what the adapters get here: the ends of a provider's token and of a credential's."""
    provided = nbauth.token_provider(url)()
    held = nbauth.credential(url).get_token().token
    return [str(provided)[-8:], str(held)[-8:], len(kernel.loans())]


def child(url: str) -> Any:
    """Do the same in a program that this one starts."""
    done = subprocess.run([sys.executable, __file__, "me", url], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _main() -> None:
    waits, arguments = sys.argv[1] == "wait", sys.argv[1:]
    work, *rest = arguments[waits:]
    while True:
        try:
            outcome = globals()[work](*rest)
        except NbauthError as error:
            outcome = f"{type(error).__name__}: {error}"
        print(json.dumps(outcome), flush=True)
        if not waits or not sys.stdin.readline():
            return


if __name__ == "__main__":
    _main()
