"""Sign in on any device by typing a code there (RFC 8628)."""

from __future__ import annotations

import logging
import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import requests

from nbauth.errors import ConfigError, ProviderUnavailable, SignInFailed, SignInTimeout
from nbauth.net.origins import display_url, host_of, is_loopback
from nbauth.net.secrecy import HiddenMapping
from nbauth.next_step import Login, to_run
from nbauth.signin.client.application import without_reserved_scopes
from nbauth.signin.client.provider_errors import provider_errors, raise_for_error
from nbauth.signin.flows import page_errors
from nbauth.signin.flows.flow import Flow
from nbauth.signin.http.transport import ProviderBusy

if TYPE_CHECKING:
    from nbauth.signin.flows.attempt import SignInAttempt
    from nbauth.signin.flows.flow import Situation
    from nbauth.signin.profile.profile import Profile

__all__ = ["FLOW"]

logger = logging.getLogger(__name__)

_SHORTEST_S, _LONGEST_S = 5.0, 60.0  # of an interval; a provider's 0 would poll 23 times a second
_SHORTEST_LOCAL_S = 0.2
_LONGEST_LIFE_S = 86_400.0
_SLOWER_S = 5.0  # RFC 8628 §3.5, slow_down
_PENDING = ("authorization_pending", "slow_down")
_STEP_S = 0.25


def run(attempt: SignInAttempt) -> HiddenMapping:
    """Get a code, show it, and poll until the person has typed it.

    Returns:
        MSAL's result, with tokens.

    Raises:
        SignInCancelled, SignInTimeout, SignInRefused, SignInFailed, ProviderUnavailable: how else it ended.
    """
    flow = _start(attempt)
    name = attempt.profile.name
    expires_at = datetime.fromtimestamp(min(float(flow["expires_at"]), time.time() + _LONGEST_LIFE_S), UTC)
    attempt.prompt.show_code(str(flow["user_code"]), flow["verification_uri"], expires_at=expires_at)
    is_local = is_loopback(attempt.profile.authority_url)
    interval_s = _interval_s(flow.get("interval"), _SHORTEST_LOCAL_S if is_local else _SHORTEST_S)
    while True:
        _pause(attempt, interval_s)
        if time.time() >= float(flow["expires_at"]):
            raise _expired(name)
        try:
            # The exit condition makes MSAL ask once and come back; its own loop sleeps without looking at Cancel.
            result = HiddenMapping(
                attempt.application.acquire_token_by_device_flow(flow.reveal(), exit_condition=lambda _: True)
            )
        except ProviderBusy as error:
            # One 503 must not lose what the person is typing just now.
            interval_s = min(max(interval_s, error.retry_after_s), _LONGEST_S)
            logger.info("The provider is busy (HTTP %s); asking again in %.0f s.", error.status, interval_s)
            continue
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            logger.info("The provider did not answer; asking again in %.0f s.", interval_s)
            continue
        except requests.RequestException:
            with provider_errors(attempt.profile):
                raise
        if result.get("error") == "slow_down":
            interval_s = min(interval_s + _SLOWER_S, _LONGEST_S)
        if result.get("error") in _PENDING:
            continue
        if result.get("error") == "expired_token":
            raise _expired(name)
        raise_for_error(result, attempt.profile, attempt.scopes, flow=attempt.flow)
        return result


def _interval_s(told: Any, shortest_s: float) -> float:
    """Return how long to wait between two polls, whatever the provider told (RFC 8628 §3.2)."""
    try:
        seconds = float(told)
    except (TypeError, ValueError, OverflowError):
        seconds = _SHORTEST_S
    return min(max(_SHORTEST_S if math.isnan(seconds) else seconds, shortest_s), _LONGEST_S)


def _expired(name: str) -> SignInTimeout:
    # A page that refuses codes tells the person, not us; here the code then waits until it expires.
    return SignInTimeout(
        f"Profile {name!r}: the code expired before it was used.",
        profile=name,
        next_step=to_run(Login(name), " (or, where its page refuses codes: ", Login(name, flow="paste"), ")"),
    )


def _start(attempt: SignInAttempt) -> HiddenMapping:
    profile = attempt.profile
    try:
        with provider_errors(profile):
            flow = HiddenMapping(
                attempt.application.initiate_device_flow(
                    without_reserved_scopes(attempt.scopes), claims_challenge=attempt.claims
                )
            )
    except (ValueError, TypeError, OverflowError):
        if attempt.application.authority.device_authorization_endpoint:
            # MSAL takes lifetime and interval as they come.
            raise ProviderUnavailable(
                f"Profile {profile.name!r}: {profile.authority_host} answered with a code whose times are no numbers.",
                next_step=to_run(Login(profile.name, flow="paste")),
            ) from None
        raise SignInFailed(
            f"Profile {profile.name!r}: {profile.authority_host} offers no device code.",
            profile=profile.name,
            next_step=to_run(Login(profile.name, flow="paste")),
        ) from None
    raise_for_error(flow, profile, attempt.scopes, flow=attempt.flow)
    uri = str(flow.get("verification_uri") or flow.get("verification_url") or "")
    if not _may_verify(uri, attempt):
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: {profile.authority_host} sends its device codes to {uri[:80]!r}, another host.",
            next_step="If it is the provider's own, add it to the profile's endpoint_hosts.",
        )
    if not flow.get("user_code") or not flow.get("device_code"):
        raise ProviderUnavailable(f"Profile {profile.name!r}: {profile.authority_host} answered without a code.")
    return HiddenMapping({**flow.reveal(), "verification_uri": display_url(uri)})


def _may_verify(uri: str, attempt: SignInAttempt) -> bool:
    try:
        host = host_of(uri)
    except ValueError:
        return False
    if uri.lower().startswith("https://"):
        return host in attempt.profile.verification_hosts
    return is_loopback(uri) and is_loopback(attempt.profile.authority_url)


def _pause(attempt: SignInAttempt, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left_s := until - time.monotonic()) > 0:
        page_errors.tell_what_it_means(attempt, attempt.wait(min(_STEP_S, left_s)))


def _fits(situation: Situation) -> bool:
    return situation.device_code_offered


def _check(profile: Profile) -> None:
    if profile.is_confidential:
        raise ConfigError(
            f"Profile {profile.name!r} has a client credential, and MSAL offers device codes to public clients only.",
            next_step=to_run(Login(profile.name, flow="paste")),
        )


FLOW = Flow(run=run, label="Type a code on any device", fits=_fits, check=_check)
