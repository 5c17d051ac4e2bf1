"""`az`: Azure's command line, as whoever ran `az login` in it.

What it is called with, and answers: https://learn.microsoft.com/cli/azure/account#az-account-get-access-token.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbauth.errors import ProviderUnavailable
from nbauth.files.tree import is_in_tree, is_set_in_dotenv
from nbauth.net.sanitize import clean
from nbauth.net.secrecy import HiddenText
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

_TIMEOUT_S = 30.0  # it is a program in Python that takes seconds on a slow disk
_NAMES = ("az.cmd", "az.exe") if os.name == "nt" else ("az",)
# What a command processor of Windows would read as something else than an argument has no place in a scope.
_PLAIN = re.compile(r"(?!-)[A-Za-z0-9:/._~@?=-]+")
_TRUSTING = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
_NOBODY = re.compile(r"az login|az account set|AADSTS(?:50173|700082|70043|50078|50076)", re.IGNORECASE)
_WORDS = 200


class _Az:
    """The Azure command line of this machine."""

    label = "az"

    def ask(self, wish: Wish) -> Given:
        """Run it for a token."""
        answer = _run(wish, ["get-access-token", *_what(wish)])
        secret, claims = answer.get("accessToken"), read_claims(str(answer.get("accessToken")))
        if not isinstance(secret, str) or not secret:
            raise wrong(wish, self.label, "answered without an access token")
        life_s = min(life_of(claims, float("inf")), _life(answer))
        problem = why_not_of_this_provider(claims, wish.profile)
        problem = problem or why_not_of_this_provider({"tid": answer.get("tenant") or ""}, wish.profile)
        problem = problem or why_not_for_these(claims, wish.profile, wish.scopes, was_asked_for=True)
        if problem is None and not 0 < life_s < float("inf"):
            problem = "gave a token that has ended" if life_s <= 0 else "does not say how long its token is good"
        if problem is not None:
            raise wrong(wish, self.label, problem, f"In a shell, run: {_login(wish)}")
        key, username = identity_of(claims)
        tenant_id = str(claims.get("tid") or answer.get("tenant") or "")
        if not key:  # of a personal account Microsoft's tokens cannot be read
            user = _run(wish, ["show"]).get("user") or {}
            key = username = str(user.get("name", ""))
        if not key:
            raise wrong(wish, self.label, "does not say who is signed in")
        return Given(
            secret=HiddenText(secret),
            life_s=life_s,
            key=key,
            username=username,
            name=str(claims.get("name", "")),
            tenant_id=tenant_id,
            kind="application" if claims.get("idtyp") == "app" else "person",
        )


SOURCE: Source = _Az()


def _what(wish: Wish) -> list[str]:
    option, values = ("--scope", wish.scopes) if wish.resource is None else ("--resource", (wish.resource,))
    tenant = _tenant(wish)
    for value in (*values, *filter(None, [tenant])):
        if not _PLAIN.fullmatch(value):
            raise wrong(wish, "az", f"is not asked for {value[:80]!a}, which is no scope or tenant of Entra's")
    return [option, *values, *(["--tenant", tenant] if tenant else [])]


def _tenant(wish: Wish) -> str | None:
    authority = wish.profile.resolved_authority
    return None if authority.audience else authority.tenant


def _login(wish: Wish) -> str:
    tenant = _tenant(wish)
    return f"az login --tenant {tenant}" if tenant else "az login"


def _run(wish: Wish, arguments: list[str]) -> dict[str, Any]:
    """Run `az account` and return what it answers."""
    program = _program()
    if program is None:
        raise NotThere(wish, "az", "there is no az on PATH", "Install the Azure CLI, then, in a shell: az login")
    command = [str(program), "account", *arguments, "--output", "json"]
    try:
        # Python programs take modules from the working directory, and the notebook's may have come with a clone.
        status, output, errors = _outcome(command, program.anchor)
    except subprocess.TimeoutExpired:
        raise ProviderUnavailable(
            f"Profile {wish.profile.name!r}: {program} did not answer within {_TIMEOUT_S:.0f} s.",
            next_step=f"Try it in a shell: az account {' '.join(arguments)}",
        ) from None
    except OSError as error:
        raise NotThere(wish, "az", f"{program} cannot be run: {error.strerror}") from None
    if status != 0:
        raise _failure(wish, clean(errors.decode("utf-8", "replace"), _WORDS))
    return _read(wish, output)


def _outcome(command: list[str], directory: str) -> tuple[int, bytes, bytes]:
    """Run a command, and return its status and what it wrote; whatever ends the wait ends it with all that it started.

    Raises:
        subprocess.TimeoutExpired: it took too long.
        OSError: it cannot be run.
    """
    with subprocess.Popen(  # noqa: S603 - a program of the machine's, with arguments that are checked
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=directory,
        env={**_environment(), "AZURE_CORE_NO_COLOR": "true", "AZURE_CORE_ONLY_SHOW_ERRORS": "true"},
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=_TIMEOUT_S)
        except BaseException:
            # `az` is a script that starts Python: that would go on, and hold the pipes.
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
            raise
        return process.returncode, output, errors


def _environment() -> dict[str, str]:
    """Return the environment variables for az, without what may have come with the notebook's folder.

    They would say whom it trusts, where it keeps its sign-ins, and which extensions it runs.
    """
    return {name: value for name, value in os.environ.items() if not _is_of_folder(name, value)}


def _is_of_folder(name: str, value: str) -> bool:
    if name in _TRUSTING:
        places = value.split(os.pathsep)  # SSL_CERT_DIR may be a list
        return any(not Path(place).is_absolute() or is_in_tree(place) for place in places)
    return name.upper().startswith("AZURE_") and is_set_in_dotenv(name)


def _program() -> Path | None:
    """Return where az is on PATH, but for what may have come with the notebook's folder."""
    for folder in map(Path, os.environ.get("PATH", "").split(os.pathsep)):
        for name in _NAMES:
            program = folder / name
            if folder.is_absolute() and os.access(program, os.X_OK) and program.is_file() and not is_in_tree(program):
                return program
    return None


def _failure(wish: Wish, words: str) -> NotThere | ProviderUnavailable:
    words = words.removeprefix("ERROR: ")
    if not words or _NOBODY.search(words):
        said = "nobody is signed in to it" if "az login" in words else f"it wants the person to sign in again ({words})"
        return NotThere(wish, "az", said, f"In a shell, run: {_login(wish)}")
    return ProviderUnavailable(
        f"Profile {wish.profile.name!r}: az has no token for {' '.join(wish.scopes)}: {words}",
        next_step=f"Try it in a shell: az account get-access-token {' '.join(_what(wish))}",
        has_answered=True,
    )


def _read(wish: Wish, output: bytes) -> dict[str, Any]:
    text = output.decode("utf-8", "replace")
    try:
        answer: Any = json.loads(text[text.find("{") :])
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise wrong(wish, "az", "answered with something else than JSON", "Update it, in a shell: az upgrade")
    return answer


def _life(answer: dict[str, Any]) -> float:
    """Return how many seconds a token is good, as az says it; infinite where it does not.

    `expires_on` are seconds since the epoch; before az 2.54 there was only `expiresOn`, in local time without a zone.
    Where clocks are set back, such a time is meant twice: the earlier one is taken.
    """
    try:
        return life_of({"exp": float(answer["expires_on"])}, float("inf"))
    except (KeyError, OverflowError, TypeError, ValueError):
        pass
    try:
        return datetime.fromisoformat(str(answer["expiresOn"])).timestamp() - time.time()
    except (KeyError, OverflowError, ValueError):
        return float("inf")
