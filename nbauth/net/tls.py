"""Trust: the usual certificate authorities and the system's, plus those of a profile's ``ca_bundle``."""

from __future__ import annotations

import contextlib
import hashlib
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nbauth.errors import ConfigError
from nbauth.files.edges import variable
from nbauth.files.tree import WHERE, is_in_tree, working_directory
from nbauth.net import system_store as stores
from nbauth.net.bundles import Bundle
from nbauth.net.plain_get import PlainGetAdapter
from nbauth.net.system_store import system_store

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "EnvironmentTrust",
    "PerRequestTrustAdapter",
    "Trust",
    "TrustAdapter",
    "environment_bundle",
    "trust_context",
]

# What says which authorities are the usual ones, and which folders are the notebook's tree.
_DECIDING = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NBAUTH_NOTEBOOK_DIR", "HOME")


def environment_bundle(environ: Mapping[str, str] = os.environ, *, untrusted: Path | None = None) -> str | None:
    """Return the bundle that ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE`` names.

    Args:
        environ: the environment variables.
        untrusted: the notebook's directory. A bundle in its tree is refused: the ``.env`` file of a cloned folder can
            set these variables, and would then decide whom to trust with a person's sign-in.

    Returns:
        A path, or None where neither names one that exists.

    Raises:
        ConfigError: the bundle lies in the notebook's tree, or depends on the working directory.
    """
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        value = variable(name, environ)
        if not value or not Path(value).exists():
            continue
        if untrusted is not None and is_in_tree(value, environ, directory=untrusted):
            raise ConfigError(
                f"{name} names {value}, which lies in {WHERE}.",
                next_step="Name it as ca_bundle in the profile if you trust it.",
            )
        if untrusted is not None and not Path(value).is_absolute():
            raise ConfigError(
                f"{name} names {value}, which is another file in every working directory.",
                next_step="Give its whole path.",
            )
        return value
    return None


def trust_context(
    *ca_bundles: Bundle | str | None, base: str | None = None, system: tuple[str, ...] | None = None
) -> ssl.SSLContext:
    """Make a TLS context for clients.

    Args:
        ca_bundles: further authorities, as they were read, or PEM files; None is passed over.
        base: PEM file or directory of the usual authorities; certifi's when None.
        system: PEM files and directories of the system's, whose authorities are trusted, too, where the system does not
            verify by itself; one that cannot be read is passed over. None leaves the system's out.

    Raises:
        ConfigError: a bundle cannot be read.
    """
    import certifi

    # Not `ssl.create_default_context`: it honours SSLKEYLOGFILE, which a cloned folder's .env can set, and would
    # write the keys of every connection to a file.
    context = _of_system() if system is not None and stores.SYSTEM_VERIFIES else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Nor its VERIFY_X509_STRICT (Python 3.13): proxies that inspect connections, whose authority a company trusts, make
    # certificates that are not what RFC 5280 §4.2 says to the letter.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for place in system or ():
        with contextlib.suppress(OSError, ssl.SSLError):
            context.load_verify_locations(**{"capath" if Path(place).is_dir() else "cafile": place})
    for bundle in (base or certifi.where(), *ca_bundles):
        try:
            if bundle is None:
                continue
            if isinstance(bundle, Bundle):
                context.load_verify_locations(cadata=bundle.text)
            elif Path(bundle).is_dir():
                context.load_verify_locations(capath=bundle)
            else:
                context.load_verify_locations(cafile=bundle)
        except (OSError, ssl.SSLError, ValueError) as error:
            path = bundle.path if isinstance(bundle, Bundle) else bundle
            raise ConfigError(f"{path}: cannot be read as PEM certificates: {error}.") from None
    return context


def _of_system() -> ssl.SSLContext:
    """Return a context whose servers the system verifies, or else what is loaded into it, as pip has it."""
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _fingerprint(*ca_bundles: Bundle | str | None) -> str:
    digest = hashlib.sha256()
    named = [bundle for bundle in ca_bundles if bundle is not None]
    for bundle in named:
        if isinstance(bundle, Bundle):
            digest.update(bytes.fromhex(bundle.digest))
            continue
        path = Path(bundle)
        try:
            # A directory's authorities come and go with the system's; its path stands for them.
            digest.update(hashlib.sha256(str(path).encode() if path.is_dir() else path.read_bytes()).digest())
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read as PEM certificates: {error}.") from None
    return digest.hexdigest() if named else ""


class Trust:
    """The TLS contexts that stand on the same usual authorities, each made once, when it is needed.

    Args:
        base: PEM file or directory of the usual authorities; certifi's when None.
        system: PEM files and directories of the system's authorities, which are trusted, too; None leaves them out.
    """

    def __init__(self, base: str | None = None, *, system: tuple[str, ...] | None = None) -> None:
        self._base = base
        self._system = system
        # Without a lock, which a forked child might find held: two threads make the same context twice at worst.
        self._contexts: dict[tuple[Bundle, ...], ssl.SSLContext] = {}

    @classmethod
    def of_environment(cls, *, untrusted: Path) -> Self:
        """Return the trust in the authorities that the environment names, or else in certifi's and the system's.

        Raises:
            ConfigError: as `environment_bundle`, for what lies in the tree of `untrusted`.
        """
        base = environment_bundle(untrusted=untrusted)
        # Who names a bundle means it and no other, as requests has it.
        return cls(base, system=system_store(untrusted=untrusted) if base is None else None)

    def context(self, ca_bundles: tuple[Bundle, ...]) -> ssl.SSLContext:
        """Return the context that trusts further bundles.

        Raises:
            ConfigError: a bundle cannot be read.
        """
        known = self._contexts.get(ca_bundles)
        if known is None:
            made = trust_context(*ca_bundles, base=self._base, system=self._system)
            known = self._contexts.setdefault(ca_bundles, made)
        return known

    def fingerprint(self, ca_bundles: tuple[Bundle, ...]) -> str:
        """Return what stands for all that `context` trusts beside certifi's authorities; ``""`` for nothing.

        Raises:
            ConfigError: a bundle cannot be read.
        """
        known = _fingerprint(self._base, *(self._system or ()), *ca_bundles)
        return f"system {known}" if self._system is not None and stores.SYSTEM_VERIFIES else known

    def files(self) -> tuple[object, ...]:
        """Return the files and directories of the usual authorities as they are now: equal ones hold the same."""
        import certifi

        return tuple(_file_facts(path) for path in (self._base or certifi.where(), *(self._system or ())))


class EnvironmentTrust:
    """The trust that the environment names. Its contexts are kept: to make one takes longer than a small read.

    They are made anew as soon as the environment names other authorities, or a file of theirs is another one.
    """

    def __init__(self) -> None:
        self._known: tuple[object, object, Trust] | None = None

    def now(self, *, untrusted: Path) -> Trust:
        """Return the trust that holds now; arguments and errors are those of `Trust.of_environment`."""
        named = (untrusted, working_directory(), *(os.environ.get(name) for name in _DECIDING))
        known = self._known
        if known is None or known[0] != named or known[1] != known[2].files():
            trust = Trust.of_environment(untrusted=untrusted)
            known = self._known = (named, trust.files(), trust)
        return known[2]


def _file_facts(path: str) -> object:
    try:
        status = os.stat(path)  # noqa: PTH116 - for each load
    except OSError:
        return path
    return path, status.st_mtime_ns, status.st_size, status.st_ino


class _ContextAdapter(PlainGetAdapter):
    """An adapter whose connections are trusted by a TLS context, and by nothing that requests would add."""

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave trust to the context; requests would load its own bundle again for each connection."""
        del url, verify, cert
        conn.cert_reqs = "CERT_REQUIRED"


class TrustAdapter(_ContextAdapter):
    """An adapter whose connections trust what `context` trusts, whatever ``verify`` says elsewhere."""

    def __init__(self, context: ssl.SSLContext, **options: Any) -> None:
        self._context = context
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
        """Make the pools with the context."""
        return super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make a proxy's pools with the context."""
        return super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """Name no bundle beside the context: urllib3 would load it into the context that all connections share."""
        del verify, cert
        return super().build_connection_pool_key_attributes(request, True)


class PerRequestTrustAdapter(_ContextAdapter):
    """An adapter that is told with each request, as ``verify``, the context that its server must be known to.

    Connections are kept apart by it: one that a bundle let in carries no request that may not rely on that bundle.
    """

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """Make the context a part of what tells pools apart."""
        del cert
        host, options = super().build_connection_pool_key_attributes(request, True)
        return host, {**options, "ssl_context": verify}
