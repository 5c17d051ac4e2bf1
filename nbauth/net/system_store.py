"""The authorities that this machine trusts: those of its system, with the company's own among them."""

from __future__ import annotations

import os
import re
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nbauth.files.edges import variable
from nbauth.files.tree import is_in_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["SYSTEM_VERIFIES", "system_store"]

# Windows and macOS hand out no files: the system itself looks at a server's certificates, and truststore asks it.
SYSTEM_VERIFIES = sys.platform in ("win32", "darwin")

# Where systems keep all of them in one file, as truststore has it (`truststore/_openssl.py`).
_FILES = (
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
)
_HASHED = re.compile(
    r"[0-9a-f]{8}\.[0-9]+"
)  # how OpenSSL finds an authority in a directory, without reading the others


def system_store(environ: Mapping[str, str] = os.environ, *, untrusted: Path) -> tuple[str, ...]:
    """Return the files and directories of the authorities that this machine trusts.

    They are OpenSSL's own, or those that ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name in their place, as every program
    on this machine takes them. A directory is preferred: nothing of it is read before an authority is looked for.
    OpenSSL itself would follow the variables wherever they lead.

    Args:
        environ: the environment variables.
        untrusted: the notebook's directory. What a variable names in its tree is not read: the ``.env`` file of a
            cloned folder can set it.

    Returns:
        Paths that can be read; none where the system verifies by itself.
    """
    if SYSTEM_VERIFIES:
        return ()
    compiled = ssl.get_default_verify_paths()
    usual = (compiled.openssl_cafile, *_FILES)
    named = [path for path in _named("SSL_CERT_FILE", environ, untrusted) if Path(path).is_file()]
    folders = [path for path in _named("SSL_CERT_DIR", environ, untrusted) if _is_hashed(path)]
    folders = folders or [path for path in (compiled.openssl_capath,) if _is_hashed(path)]
    if not named or (folders and named[0] in usual):
        named = [] if folders else [path for path in usual if Path(path).is_file()][:1]
    return tuple(path for path in (*named, *folders) if os.access(path, os.R_OK))


def _named(name: str, environ: Mapping[str, str], untrusted: Path) -> Iterator[str]:
    value = variable(name, environ)
    for path in value.split(os.pathsep) if name == "SSL_CERT_DIR" else [value]:
        if path and Path(path).is_absolute() and not is_in_tree(path, environ, directory=untrusted):
            yield path


def _is_hashed(folder: str) -> bool:
    try:
        return any(_HASHED.fullmatch(name) for name in os.listdir(folder))  # noqa: PTH208 - names are enough
    except OSError:
        return False
