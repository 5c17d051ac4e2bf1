"""Sealed answers: who carries them cannot read them, and they open once, for what they were asked for."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbauth.net.sealed import CannotOpen, Lock, seal


@given(text=st.binary(max_size=5_000), context=st.binary(max_size=200))
def test_opens_for_who_asked(text, context):
    """What was sealed comes out as it was, and does not stand in what is carried."""
    lock = Lock()
    sealed = seal(text, lock.public_key, context=context)
    assert len(text) < 8 or text not in sealed
    assert text == lock.open(sealed, context=context)


def test_two_seals_of_a_text_have_nothing_in_common():
    """Each answer has a key of its own: the same token twice does not show as the same."""
    lock = Lock()
    first, second = (seal(b"x" * 64, lock.public_key, context=b"c") for _ in range(2))
    assert not {first[i : i + 16] for i in range(0, len(first), 16)} & {second[i : i + 16] for i in range(len(second))}


def test_another_lock_does_not_open_it():
    """Who has another key, as another worker has, cannot read it."""
    sealed = seal(b"secret", Lock().public_key, context=b"c")
    with pytest.raises(CannotOpen):
        Lock().open(sealed, context=b"c")


def test_another_context_does_not_open_it():
    """An answer to one request is none to another one, even under the same key."""
    lock = Lock()
    with pytest.raises(CannotOpen):
        lock.open(seal(b"secret", lock.public_key, context=b"one"), context=b"other")


def test_opens_once():
    """An answer that is carried a second time is refused."""
    lock = Lock()
    sealed = seal(b"secret", lock.public_key, context=b"c")
    lock.open(sealed, context=b"c")
    with pytest.raises(CannotOpen, match="already"):
        lock.open(sealed, context=b"c")


@given(at=st.integers(0, 85), bit=st.integers(0, 7))
def test_a_changed_bit_does_not_open(at, bit):
    """One bit of it changed, and it does not open; the true answer still does."""
    lock = Lock()
    sealed = seal(b"secret" * 6 + b"12", lock.public_key, context=b"c")
    changed = bytearray(sealed)
    changed[at] ^= 1 << bit
    with pytest.raises(CannotOpen):
        lock.open(bytes(changed), context=b"c")
    assert lock.open(sealed, context=b"c") == b"secret" * 6 + b"12"


@pytest.mark.parametrize("sealed", [b"", b"short", bytes(32), bytes(80), b"\xff" * 80], ids=repr)
def test_rubbish_does_not_open(sealed):
    """What nobody sealed does not open, nor does the public key that makes every secret the same."""
    with pytest.raises(CannotOpen):
        Lock().open(sealed, context=b"")


@pytest.mark.parametrize("key", [b"", b"short", bytes(32)], ids=repr)
def test_nothing_is_sealed_for_a_key_that_is_none(key):
    """A text is not sealed for what gives no secret."""
    with pytest.raises(ValueError):
        seal(b"secret", key, context=b"")


def test_a_lock_stays_in_its_process():
    """A private key is neither pickled nor shown."""
    lock = Lock()
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(lock)
    assert "Lock object" in repr(lock)
