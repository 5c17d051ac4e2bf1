"""Whose visit this is: that of the visitor whom a server's framework names, or the one person of a kernel.

A person's sign-in belongs to the visitor in whose visit it was made. A thread that nbauth starts carries the visitor of
who started it. What was made in one visit is not used in another one.
"""

from __future__ import annotations

import functools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from nbauth.errors import SignInRequired
from nbauth.process.web_servers import Unnamed, Visitor, named_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import ParamSpec

    P = ParamSpec("P")

__all__ = ["Unnamed", "Visitor", "Whose", "carried", "check_same", "for_one_user", "not_named", "visiting", "whose"]

R = TypeVar("R")
# None is the one person whose process this is: a notebook's kernel, a script, a terminal.
Whose = Visitor | Unnamed | None


class _Carried(threading.local):
    """The visitor of a thread that nbauth started."""

    # A thread's own, and no context variable: those are copied into threads that go on to serve others.
    visitors: tuple[Whose, ...] = ()


_carried = _Carried()


def whose() -> Whose:
    """Return whose visit the calling thread is in.

    Returns:
        The visitor; None where the process is one person's; or `Unnamed` where a server with several visitors runs
        here and does not tell.
    """
    return _carried.visitors[-1] if _carried.visitors else named_here()


@contextmanager
def visiting(visitor: Whose) -> Iterator[None]:
    """Act for a visitor in this thread, as for the one who made an object."""
    before = _carried.visitors
    _carried.visitors = (*before, visitor)
    try:
        yield
    finally:
        _carried.visitors = before


def carried(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function, for a thread that is started for the visitor of the calling one."""
    visitor = whose()

    @functools.wraps(function)
    def run(*args: P.args, **options: P.kwargs) -> R:
        with visiting(visitor):
            return function(*args, **options)

    return run


def check_same(maker: Whose, *, profile: str, scopes: tuple[str, ...]) -> None:
    """Refuse to use an object that was made in another person's visit.

    Args:
        maker: whose visit it was made in.
        profile: the person's profile, for the message.
        scopes: what the token is for.

    Raises:
        SignInRequired: this is another visit, or nothing tells whose it is.
    """
    here = whose()
    if here is maker:
        return
    if not isinstance(here, Visitor) and isinstance(maker, Visitor) and _is_native_thread():
        return  # pyarrow and its like read a file in threads of their own, which no framework knows
    if isinstance(here, Unnamed):
        raise not_named(here, profile=profile, scopes=scopes)
    raise SignInRequired(
        f"Profile {profile!r}: what is used here was made in another visit, and a sign-in is one visitor's alone.",
        profile=profile,
        scopes=scopes,
        next_step="Make it in this visit, as in nbauth.session().",
    )


def not_named(here: Unnamed, *, profile: str, scopes: tuple[str, ...] = ()) -> SignInRequired:
    """Return the error where a person's sign-in is wanted, and nothing tells whose visit it is."""
    return SignInRequired(
        f"Profile {profile!r} is for a person, and {here.server} serves several visitors in this process and does not "
        "tell here which of them this is. No sign-in is used or made.",
        profile=profile,
        scopes=scopes,
        next_step=here.next_step,
    )


def for_one_user(here: Whose, *, profile: str, scopes: tuple[str, ...]) -> SignInRequired:
    """Return the error for an application that acts for one user, whom a file or a variable names, in a server."""
    server = here.server if here is not None else "a server"
    return SignInRequired(
        f"Profile {profile!r} acts for one user, and {server} serves several visitors in this process.",
        profile=profile,
        scopes=scopes,
        next_step="Give user_assertion as a function that returns the visitor's own.",
    )


def _is_native_thread() -> bool:
    # Python makes such an object for a thread that it did not start.
    dummy = getattr(threading, "_DummyThread", None)
    return dummy is not None and isinstance(threading.current_thread(), dummy)
