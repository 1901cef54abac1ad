"""Identifiers: 26-character ULIDs, fresh for runs and derived from the run for all that lives in it."""

import hashlib
import secrets
import time
from functools import lru_cache

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _encode(value: int, length: int) -> str:
    return "".join(_ALPHABET[(value >> 5 * place) & 31] for place in reversed(range(length)))


def new_ulid() -> str:
    """A fresh ULID: 48 bits of milliseconds since 1970, then 80 random bits.

    >>> len(new_ulid())
    26
    """
    return _encode(time.time_ns() // 1_000_000, 10) + _encode(secrets.randbits(80), 16)


def derive(run_id: str, *parts: object) -> str:
    """The ULID of something within a run: always the same for the same run and parts.

    The time half is the run's own where the run id is a ULID, so ids of later runs sort later.

    >>> derive("night-shift", "track", "door", 7) == derive("night-shift", "track", "door", 7)
    True
    """
    is_ulid = len(run_id) == 26 and all(letter in _ALPHABET for letter in run_id)
    text = "\x1f".join([run_id, *(str(part) for part in parts)])
    digest = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=10).digest(), "big")
    return (run_id[:10] if is_ulid else "0" * 10) + _encode(digest, 16)


def numbered(run_id: str, number: int) -> str:
    """The ULID of the run's event of that number, below 2**40: ids of one run sort as their numbers do.

    An index of ids in order is added to at its end; of ids at random, each would touch another page of it.

    >>> numbered("night-shift", 7) < numbered("night-shift", 32)
    True
    """
    return _events_of(run_id) + _encode(number, 8)


@lru_cache(maxsize=64)
def _events_of(run_id: str) -> str:
    return derive(run_id, "event")[:18]


def fingerprint(track_uid: str) -> str:
    """Tells an erased track from others without naming it. As `redis.sha1hex` has it.

    >>> fingerprint("01KAXW3E8MYSJ079KDY23SXMQA")[:8]
    '77e4cc80'
    """
    return hashlib.sha1(track_uid.encode(), usedforsecurity=False).hexdigest()
