"""The configuration: which file was taken and why, and what of the environment is not used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nbauth.doctor.finding import Finding
from nbauth.environment import notebook_directory
from nbauth.files.edges import variable
from nbauth.signin.profile import approvals, resolve
from nbauth.signin.profile.config import FILE_NAME
from nbauth.signin.profile.secret_source import SecretSource
from nbauth.signin.profile.trust import named_by_environment, user_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nbauth.signin.profile.config import Config
    from nbauth.signin.profile.profile import Profile

__all__ = ["TEMPLATE_CLIENT_ID", "TEMPLATE_TENANT", "approval", "chosen", "template", "unused_variables"]

# What `nbauth init` writes for a person to put their own in place of.
TEMPLATE_CLIENT_ID = "00000000-0000-0000-0000-000000000000"
TEMPLATE_TENANT = "contoso.onmicrosoft.com"

# In the order of azure-identity's EnvironmentCredential and WorkloadIdentityCredential.
_CREDENTIALS = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE")
_PASSWORD = {"AZURE_CLIENT_CERTIFICATE_PASSWORD": "AZURE_CLIENT_CERTIFICATE_PATH"}
_OTHERS = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_AUTHORITY_HOST")
_NEVER = ("AZURE_USERNAME", "AZURE_PASSWORD")  # the flow with a person's password, which RFC 9700 §2.4 forbids


def chosen(config: Config) -> Iterator[Finding]:
    """Yield which configuration holds, and why that one."""
    if not config.profiles:
        yield Finding(topic="profiles", level="error", text="No profile is configured.", cure=resolve.START)
        return
    names = [f"{name} (the default one)" if name == resolve.default_name(config) else name for name in config.profiles]
    text = f"{', '.join(names)}, from {config.source}: {_why(config)}."
    yield Finding(topic="profiles", level="ok", text=text)
    passed_over = [path for path in _further(config.source) if path.is_file()] if config.digest else []
    if passed_over:
        text = f"{', '.join(map(str, passed_over))} holds nothing here, since {config.source} comes first."
        yield Finding(topic="profiles", level="note", text=text, cure="To use another file, name it in NBAUTH_CONFIG.")
    if config.chosen is not None and config.chosen not in config.profiles:
        text = f"NBAUTH_PROFILE names {config.chosen}, and there is no such profile."
        yield Finding(topic="profiles", level="warning", text=text, cure="Correct NBAUTH_PROFILE, or unset it.")


def unused_variables(config: Config, environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Yield which ``AZURE_*`` variables are set and say nothing here."""
    known = (*_OTHERS, *_CREDENTIALS, *_PASSWORD, *_NEVER)
    unused = [name for name in known if variable(name, environ) and name not in _used(config, environ)]
    if not unused:
        return
    why, cure = "", "Unset them, or name what is meant in a profile."
    if config.digest is not None:
        why = f": where there is a file, its profiles hold ({config.source})"
        cure = "To use them, write a profile with that client_id, or move the file."
    elif not config.profiles:
        why = ": without both AZURE_CLIENT_ID and AZURE_TENANT_ID they make no profile"
        cure = "Set both."
    elif credential := next((name for name in _CREDENTIALS if variable(name, environ)), None):
        why = f": {credential} comes first"
        cure = "Unset what is not meant."
    text = f"{', '.join(unused)} {'is' if len(unused) == 1 else 'are'} set and not used{why}."
    yield Finding(topic="AZURE_*", level="note", text=text, cure=cure)


def approval(config: Config) -> Iterator[Finding]:
    """Yield whether the configuration waits for an approval."""
    request = approvals.request_for(config)
    if request.reasons and not approvals.is_approved(request):
        text = f"{request.source} is not approved, and may have come with this folder: {'; '.join(request.reasons)}."
        cure = f"If you trust it, run: {request.command}"
        yield Finding(topic="approval", level="error", text=text, cure=cure)


def template(profile: Profile) -> Finding | None:
    """Return what is still as `nbauth init` wrote it; None where a person has filled it in."""
    left = [f'client_id = "{TEMPLATE_CLIENT_ID}"'] if profile.client_id == TEMPLATE_CLIENT_ID else []
    named = (profile.tenant, *profile.authority_url.split("/"))
    left += [f'tenant = "{TEMPLATE_TENANT}"'] if TEMPLATE_TENANT in named else []
    if not left:
        return None
    text = f"{' and '.join(left)} {'is' if len(left) == 1 else 'are'} what nbauth init wrote, and nobody was asked."
    cure = (
        f"Write your own into {profile.written_in}; the provider's page of the application has them (Entra: Overview)."
    )
    return Finding(topic=f"profile {profile.name}", level="error", text=text, cure=cure)


def _why(config: Config) -> str:
    here = notebook_directory().absolute()
    if config.digest is None:
        return f"there is no {FILE_NAME} in {here}, above it or in {user_file().parent}"
    path = Path(config.source)
    if path == named_by_environment():
        return "NBAUTH_CONFIG names it"
    if path == user_file():
        return f"there is none in {here} or above it"
    return "it is in the notebook's directory" if path.parent == here else f"it is the nearest above {here}"


def _further(source: str) -> list[Path]:
    """Return where a configuration would be looked for next, had the one that was taken not been there."""
    here = notebook_directory().absolute()
    places = [folder / FILE_NAME for folder in (here, *here.parents)]
    places.append(user_file())
    taken = Path(source)
    return places[places.index(taken) + 1 :] if taken in places else places


def _used(config: Config, environ: Mapping[str, str]) -> set[str]:
    """Return the variables that say something for one of the profiles."""
    profiles = config.profiles.values()
    if any(profile.is_of_environment for profile in profiles):
        first = next((name for name in _CREDENTIALS if variable(name, environ)), None)
        used = {*_OTHERS, *([first] if first else [])}
        return used | {name for name, of in _PASSWORD.items() if of == first}
    places: list[object] = [each for p in profiles for each in (p.client_secret, p.client_assertion)]
    places += [profile.client_certificate.passphrase for profile in profiles if profile.client_certificate]
    used = {place.place for place in places if isinstance(place, SecretSource) and place.kind == "env"}
    # A profile of the file has them, too: then they are as good as used.
    if any(profile.client_id and profile.client_id == variable("AZURE_CLIENT_ID", environ) for profile in profiles):
        used |= {*_OTHERS}
    return used
