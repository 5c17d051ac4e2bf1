"""Every exception that nbauth raises.

::

    NbauthError
    ├── ConfigError                  a file, key, environment variable or argument is wrong (also a ValueError)
    │   └── ApprovalRequired         a configuration from the notebook's tree needs a person's approval first
    ├── SignInRequired               a person has to sign in first; carries profile, scopes and claims
    ├── SignInFailed                 a sign-in was tried and the provider answered with an error
    │   ├── SignInCancelled          the person ended it here: Cancel, Interrupt
    │   ├── SignInTimeout            nobody finished it in time (also a TimeoutError)
    │   └── SignInRefused            the person, or somebody for them, said no on the provider's page
    ├── ProviderUnavailable          the identity provider is down, not trusted, or does not speak OpenID
    ├── OriginNotAllowed             a token, or a request, would have gone where no profile allows it
    └── DataError                    the API's side of a load
        ├── ApiError                 the API answered with an error status; carries status, url, body
        ├── PaginationError          next links that loop, leave the API or cannot be read
        └── FormatError              the body is not what its content type says (also a ValueError)

    ReadInterrupted                  the person stopped a load; what was read is in `.partial` (a KeyboardInterrupt)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbauth.next_step import WithNextStep

if TYPE_CHECKING:
    from nbauth.next_step import Step

__all__ = [
    "ApiError",
    "ApprovalRequired",
    "AssumptionWarning",
    "ConfigError",
    "DataError",
    "FormatError",
    "NbauthError",
    "NotRememberedWarning",
    "OriginNotAllowed",
    "PaginationError",
    "ProviderAnswer",
    "ProviderUnavailable",
    "ReadInterrupted",
    "ScopesNotGrantedWarning",
    "SignInCancelled",
    "SignInFailed",
    "SignInRefused",
    "SignInRequired",
    "SignInTimeout",
]


@dataclass(frozen=True, kw_only=True)
class ProviderAnswer:
    """What an identity provider answered in place of tokens (RFC 6749 §5.2); nothing in it is secret.

    Attributes:
        error: the OAuth error code, such as ``invalid_grant``.
        code: Entra's number, such as ``AADSTS50011``, or None.
        suberror: what Entra adds to some errors, such as ``basic_action``, or None.
        description: the provider's own words, on one line and shortened; empty where it gives none.
        trace_id: what Entra's administrators and support find this request by, or None.
        correlation_id: the same for the whole sign-in, or None.
        timestamp: when Entra answered, in its own words, or None.
    """

    error: str
    code: str | None = None
    suberror: str | None = None
    description: str = ""
    trace_id: str | None = None
    correlation_id: str | None = None
    timestamp: str | None = None


class NbauthError(WithNextStep, Exception):
    """Base of every error that nbauth raises.

    Args:
        message: what happened, and to which profile, file, key or URL.
        next_step: what to do next, if something helps.
        cause: why it usually happens, where that is known; it stands in the message, too.
        answer: what the identity provider answered, where it did.
    """

    partial: Any = None  # the rows of a load that it ended, as a DataFrame

    def __init__(
        self,
        message: str,
        *,
        next_step: Step | None = None,
        cause: str | None = None,
        answer: ProviderAnswer | None = None,
    ) -> None:
        super().__init__(message)
        self.step = next_step
        self.cause = cause
        self.answer = answer

    @property
    def trace_id(self) -> str | None:
        """What the provider's administrators find the request by, or None."""
        return self.answer.trace_id if self.answer else None

    @property
    def correlation_id(self) -> str | None:
        """What the provider's administrators find the whole sign-in by, or None."""
        return self.answer.correlation_id if self.answer else None


class ConfigError(NbauthError, ValueError):
    """A profile, configuration file, environment variable or argument is wrong."""


class ApprovalRequired(ConfigError):
    """A configuration that may have come with a cloned folder needs a person's approval first.

    Attributes:
        source: the configuration file, or a description of the environment variables.
        reasons: what it would do, each as a half sentence.
        profile: name of the profile that was used.
    """

    def __init__(
        self,
        message: str,
        *,
        source: str | None = None,
        reasons: tuple[str, ...] = (),
        profile: str | None = None,
        next_step: Step | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.source = source
        self.reasons = reasons
        self.profile = profile


class SignInRequired(NbauthError):
    """A person has to sign in before this can go on.

    Attributes:
        profile: name of the profile to sign in to.
        scopes: the scopes that were asked for.
        claims: a claims challenge (OpenID Connect Core §5.5) to meet, as JSON text, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        profile: str | None = None,
        scopes: tuple[str, ...] = (),
        claims: str | None = None,
        next_step: Step | None = None,
        cause: str | None = None,
        answer: ProviderAnswer | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step, cause=cause, answer=answer)
        self.profile = profile
        self.scopes = scopes
        self.claims = claims


class SignInFailed(NbauthError):
    """The provider answered a sign-in with an error.

    Attributes:
        profile: name of the profile.
        error: the OAuth error code (RFC 6749 §5.2), such as ``invalid_grant``, or None.
        code: Entra's number for it, such as ``AADSTS50011``, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        profile: str | None = None,
        error: str | None = None,
        code: str | None = None,
        next_step: Step | None = None,
        cause: str | None = None,
        answer: ProviderAnswer | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step, cause=cause, answer=answer)
        self.profile = profile
        self.error = error
        self.code = code


class SignInCancelled(SignInFailed):
    """The person ended the sign-in here, by Cancel or Interrupt."""


class SignInTimeout(SignInFailed, TimeoutError):
    """Nobody finished the sign-in in time."""


class SignInRefused(SignInFailed):
    """Consent was refused on the provider's page (``access_denied``, RFC 6749 §4.1.2.1)."""


class ProviderUnavailable(NbauthError):
    """The identity provider cannot be reached, is not trusted, or does not answer as one.

    Attributes:
        has_answered: whether it was reached and refuses just this: another way to sign in may work.
    """

    def __init__(
        self,
        message: str,
        *,
        next_step: Step | None = None,
        cause: str | None = None,
        answer: ProviderAnswer | None = None,
        has_answered: bool = False,
    ) -> None:
        super().__init__(message, next_step=next_step, cause=cause, answer=answer)
        self.has_answered = has_answered or answer is not None


class OriginNotAllowed(NbauthError):
    """A token or a request would have gone to an origin that no profile allows.

    Attributes:
        url: where it would have gone, without query and fragment.
    """

    def __init__(self, message: str, *, url: str | None = None, next_step: Step | None = None) -> None:
        super().__init__(message, next_step=next_step)
        self.url = url


class DataError(NbauthError):
    """A load failed on the API's side.

    Attributes:
        url: the request's URL, without the values of its query.
        partial: the rows read before it failed, as a DataFrame, or None.
    """

    def __init__(
        self, message: str, *, url: str | None = None, partial: Any = None, next_step: Step | None = None
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.url = url
        self.partial = partial


class ApiError(DataError):
    """The API answered with an error status.

    Attributes:
        status: the HTTP status code.
        body: the start of the answer's body, shortened and with tokens removed.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        url: str | None = None,
        body: str = "",
        partial: Any = None,
        next_step: Step | None = None,
    ) -> None:
        super().__init__(message, url=url, partial=partial, next_step=next_step)
        self.status = status
        self.body = body


class PaginationError(DataError):
    """Next links loop, lead away from the API or cannot be read."""


class FormatError(DataError, ValueError):
    """A body is not what its content type says."""


class ReadInterrupted(WithNextStep, KeyboardInterrupt):
    """The person stopped a load of ``url``; what was read is in ``partial``.

    It is no `Exception`, and so no `NbauthError`: code that goes on after any error does not go on after a Ctrl+C.
    """

    def __init__(
        self, message: str, *, url: str | None = None, partial: Any = None, next_step: Step | None = None
    ) -> None:
        super().__init__(message)
        self.step = next_step
        self.url = url
        self._partial = partial

    @property
    def partial(self) -> Any:
        """The rows that were read, as a DataFrame, or None."""
        # Thousands of columns become a frame when somebody looks, so that the interrupt itself takes no time.
        if callable(self._partial):
            self._partial = self._partial()
        return self._partial

    @partial.setter
    def partial(self, partial: Any) -> None:
        self._partial = partial

    def __reduce__(self) -> str | tuple[Any, ...]:
        self._partial = self.partial
        return super().__reduce__()


class AssumptionWarning(UserWarning):
    """What a read took for granted, since the answer did not say it; the text names the argument that does."""


class NotRememberedWarning(UserWarning):
    """A sign-in that was to be remembered lives as long as the kernel only; given where nobody sees a line of text."""


class ScopesNotGrantedWarning(UserWarning):
    """A sign-in brought fewer scopes than it asked for; given where nobody sees a line of text."""
