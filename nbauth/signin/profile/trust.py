"""Trust: what a configuration may do by itself, and what a person has to approve of before anything is sent.

First the owner: a file that somebody else owns or may write to is refused. Then its place: what a person put into
their own configuration directory, or named themselves in ``NBAUTH_CONFIG``, is their word. A file in the notebook's
tree may have come with a clone. It is free where its provider is one of Microsoft's own clouds, reached in the usual
way, and where it sends no other provider a secret that is not in its own folder. For anything else it needs one
approval, which is bound to its content; so it does where it takes a sign-in that is there already, since no page tells
the person where its tokens go.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nbauth.errors import ConfigError
from nbauth.files.edges import variable
from nbauth.files.private_files import why_not_trusted_owner, why_status_not_trusted
from nbauth.files.tree import expanded, is_in_tree, is_own_file, is_set_in_dotenv
from nbauth.files.user_directories import config_directory
from nbauth.net.origins import display_url, is_loopback
from nbauth.net.sanitize import visible
from nbauth.signin.profile.pipeline_token import PipelineToken
from nbauth.signin.profile.secret_source import SecretSource
from nbauth.signin.profile.source_names import LOGIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nbauth.signin.profile.profile import Profile

__all__ = ["Origin", "digest_of_file", "named_by_environment", "origin_of", "read_owned", "reasons", "user_file"]

Origin = Literal["environment", "named", "tree", "user"]
_FILE_NAME = "nbauth.toml"


def user_file() -> Path:
    """Return where the user's own configuration is looked for."""
    return config_directory() / _FILE_NAME


def named_by_environment(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file that ``NBAUTH_CONFIG`` names, whether it is there or not; None where it is not set."""
    named = variable("NBAUTH_CONFIG", environ)
    if not named:
        return None
    path = expanded(named, where="NBAUTH_CONFIG", environ=environ)
    return (path / _FILE_NAME if path.is_dir() else path).absolute()


def origin_of(source: str | None, environ: Mapping[str, str] = os.environ) -> Origin:
    """Tell whose word a configuration is.

    Args:
        source: path of the file; None for the environment variables that Azure's tools read.
        environ: the environment variables.

    Returns:
        ``"user"`` for the file in the user's configuration directory, ``"named"`` for one that ``NBAUTH_CONFIG``
        names by its whole path, ``"environment"``, or ``"tree"`` for every other file. Where the tree itself has a
        hand in it, the answer is ``"tree"``: a configuration directory inside it, or a ``.env`` in it that has a line
        for ``NBAUTH_CONFIG``.
    """
    if source is None:
        return "environment"
    path = Path(source)
    if path == user_file() and not is_in_tree(path, environ):
        return "user"
    named = variable("NBAUTH_CONFIG", environ)
    is_absolute = named.startswith("~") or Path(named).is_absolute()
    if is_absolute and path == named_by_environment(environ):
        return "tree" if is_set_in_dotenv("NBAUTH_CONFIG", environ, directory=path.parent) else "named"
    return "tree"


def read_owned(path: Path) -> bytes:
    """Read a configuration file, unless somebody else owns it or may write to it.

    Raises:
        ConfigError: it is somebody else's.
        OSError: it cannot be read.
    """
    why_not = why_not_trusted_owner(path)
    if why_not is None:
        with path.open("rb") as file:
            why_not = why_status_not_trusted(os.fstat(file.fileno()))  # what was opened, whatever happened meanwhile
            if why_not is None:
                return file.read()
    raise ConfigError(f"{path}: is refused, because {why_not}.", next_step=_way_out(path))


def _way_out(path: Path) -> str:
    """Return the lines to type where a file is refused. A copy in the user's directory is used only if it is named."""
    copy = user_file().parent / path.name
    file, folder, new = (shlex.quote(str(each)) for each in (path, copy.parent, copy))
    lines = f"    mkdir -p {folder} && install -m 600 {file} {new}\n    export NBAUTH_CONFIG={new}"
    if hasattr(os, "getuid") and path.stat().st_uid == os.getuid():  # what is wrong is its mode
        lines = f"    chmod go-w {file}\nor, where that changes nothing, as on a drive of Windows' in WSL:\n{lines}"
    return f"If you trust what it says, in the shell that starts the kernel:\n{lines}"


def digest_of_file(path: str | os.PathLike[str]) -> str | None:
    """Return the SHA-256 of a file's content, or None where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def reasons(
    profile: Profile, environ: Mapping[str, str] = os.environ, *, ca_digest: str | None = None
) -> tuple[str, ...]:
    """Return why a profile that was read needs a person's approval, each as a half sentence in plain words.

    Args:
        profile: as it was read from a file or the environment; one that was made in code needs none.
        environ: the environment variables.
        ca_digest: SHA-256 of its ``ca_bundle``, where it was read already.

    Returns:
        None of them where it needs no approval.
    """
    origin = origin_of(profile.file, environ)
    ca_digest = ca_digest or (None if profile.ca_bundle is None else digest_of_file(profile.ca_bundle))
    if origin == "tree":
        changes = tuple(_changes(profile, ca_digest))
        if changes or not _is_microsofts(profile):
            assert profile.file is not None
            changes += tuple(_secrets(profile, Path(profile.file).parent))
    elif profile.is_of_environment:
        changes = tuple(_of_environment(profile, environ, ca_digest))
    else:
        changes = ()
    return tuple(visible(change) for change in changes)


def _is_microsofts(profile: Profile) -> bool:
    """Tell whether secrets go to Entra itself."""
    return profile.managed_identity is not None or profile.resolved_authority.is_microsofts


def _changes(profile: Profile, ca_digest: str | None) -> Iterator[str]:
    host = profile.authority_host
    for name in profile.source:
        if name != LOGIN:
            program = " by running that program" if name == "az" else ""
            yield f"takes your sign-in of {name}{program} and sends its tokens to {_apis(profile)}"
    if profile.ca_bundle is not None:
        apis = (display_url(api) for api in profile.apis if not api.startswith("http:"))
        hosts = apis if profile.resolved_authority.kind == "sources" else (host, *apis)
        yield (
            f"trusts the certificate authority {Path(profile.ca_bundle).name} (SHA-256 {ca_digest}) "
            f"for {', '.join(hosts)}"
        )
    if profile.proxies:
        through = sorted(set(map(display_url, profile.proxies.values())))
        yield f"sends its requests to {host} through the proxy {', '.join(through)}"
    if profile.endpoint_hosts:
        hosts = (display_url(f"https://{host}").removeprefix("https://") for host in profile.endpoint_hosts)
        yield f"counts {', '.join(hosts)} as the provider's own"


def _apis(profile: Profile) -> str:
    return ", ".join(display_url(api) for api in profile.apis)


def _secrets(profile: Profile, folder: Path | None) -> Iterator[str]:
    host = profile.authority_host
    for secret in (profile.client_secret, profile.client_assertion, profile.user_assertion):
        if isinstance(secret, PipelineToken):
            yield f"sends {secret.described} to {host}"
        elif isinstance(secret, SecretSource) and not _is_in_folder(secret, folder):
            yield f"sends {_described(secret)} to {host}"
    certificate = profile.client_certificate
    if certificate is None:
        return
    key = SecretSource("file", certificate.path)
    if not _is_in_folder(key, folder):
        yield f"proves itself to {host} with the key in {_described(key)}"
    if certificate.passphrase is not None and not _is_in_folder(certificate.passphrase, folder):
        yield f"unlocks its key with {_described(certificate.passphrase)}"


def _described(secret: SecretSource) -> str:
    if secret.kind != "file":
        return secret.described
    path = os.path.abspath(secret.place)  # noqa: PTH100 - without "..", and with its links
    real = os.path.realpath(path)
    return f"the file {path}" if real == path else f"the file {real}, to which {path} leads,"


def _is_in_folder(secret: SecretSource, folder: Path | None) -> bool:
    """Tell whether a secret is a plain file in the configuration's own folder, without a link that leads out of it."""
    if secret.kind != "file" or folder is None:
        return False
    if not is_own_file(Path(os.path.realpath(secret.place)), Path(os.path.realpath(folder))):
        return False
    return Path(secret.place).is_file() or not os.path.lexists(secret.place)


def _of_environment(profile: Profile, environ: Mapping[str, str], ca_digest: str | None) -> Iterator[str]:
    # Whose word a variable is cannot be told; a tool may have read it from a file in the tree. A host on this machine
    # is for trying things out, and comes from the tree only where the tree says so.
    if profile.ca_bundle is not None and is_set_in_dotenv("NBAUTH_CA_BUNDLE", environ):
        yield from _changes(profile, ca_digest)
    is_named_in_tree = is_set_in_dotenv("AZURE_AUTHORITY_HOST", environ)
    if not _is_microsofts(profile) and (is_named_in_tree or not is_loopback(profile.authority_url)):
        yield from _secrets(profile, None)
