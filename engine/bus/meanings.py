"""What the errors of Redis mean: one sentence, one word, and no part of the event or the password."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions

from engine.errors import BusCause, BusError
from engine.redact import redact, shown

# The order matters: wrong credentials and a loading server are kinds of ConnectionError in redis-py,
# a full or read-only server kinds of ResponseError.
_MEANINGS: tuple[tuple[type[Exception], BusCause, str], ...] = (
    (exceptions.AuthenticationError, BusCause.AUTH,
     "Redis refuses the credentials; check user and password in bus.url"),
    (exceptions.AuthorizationError, BusCause.AUTH,
     "Redis refuses the credentials; check user and password in bus.url"),
    (exceptions.NoPermissionError, BusCause.FORBIDDEN, "Redis does not let this user do that; check its ACL"),
    (exceptions.BusyLoadingError, BusCause.LOADING, "Redis is still loading its data"),
    (exceptions.MaxConnectionsError, BusCause.BUSY, "Redis has no connection left"),
    (exceptions.OutOfMemoryError, BusCause.FULL, "Redis is out of memory; raise maxmemory or lower bus.maxlen"),
    (exceptions.ReadOnlyError, BusCause.READ_ONLY, "Redis is a read-only replica; point bus.url at the primary"),
    (exceptions.AskError, BusCause.MOVED, "the Redis cluster has moved the stream"),
    (exceptions.ClusterDownError, BusCause.MOVED, "the Redis cluster is not whole"),
    (exceptions.TimeoutError, BusCause.TIMEOUT, "Redis does not answer in time"),
    (exceptions.ConnectionError, BusCause.UNREACHABLE, "Redis cannot be reached"),
    (exceptions.ResponseError, BusCause.REFUSED, "Redis refuses"),
    (exceptions.RedisClusterException, BusCause.MOVED, "the Redis cluster cannot be used"),
    (exceptions.RedisError, BusCause.REFUSED, "Redis failed"),
    (OSError, BusCause.UNREACHABLE, "Redis cannot be reached"),
)  # fmt: skip
# Told apart by the first word of the server's answer, for which redis-py has no class.
_WORDS = {
    "NOAUTH": (BusCause.AUTH, "Redis refuses the credentials; check user and password in bus.url"),
    "MISCONF": (BusCause.DISK, "Redis cannot save to its disk"),
    "WRONGTYPE": (BusCause.WRONG_TYPE, "the stream's key holds something else; choose another bus.prefix"),
    "MOVED": (BusCause.MOVED, "Redis is a cluster; write bus.url as redis+cluster://"),
    "THE USER EXECUTING": (BusCause.FORBIDDEN, "Redis does not let this user do that; check its ACL"),
    "MAX NUMBER": (BusCause.BUSY, "Redis has no connection left"),
}
# redis-py repeats the command, and a script's error its place in the script.
_NOISE = re.compile(r"^Command # \d+ \(.*\) of pipeline caused error: |\s*script: [0-9a-f]{40}, on @user_script:\d+\.?")
_SELF_EVIDENT = (BusCause.AUTH, BusCause.LOADING, BusCause.FULL, BusCause.READ_ONLY)


@contextmanager
def one_sentence(url: str) -> Iterator[None]:
    """Turns what redis-py raises into `BusError`: which server, what is wrong, what to do."""
    try:
        yield
    except (exceptions.RedisError, exceptions.RedisClusterException, OSError) as error:
        cause, sentence = _meaning(error)
        raise BusError(f"bus {shown(url)}: {sentence}", cause) from error


def _meaning(error: Exception) -> tuple[BusCause, str]:
    cause, sentence = next((cause, text) for kind, cause, text in _MEANINGS if isinstance(error, kind))
    detail = _NOISE.sub("", (str(error).splitlines() or [""])[0])[:1000].rstrip()
    for word, meaning in _WORDS.items():
        if detail.upper().startswith(word):
            cause, sentence = meaning
    if cause in _SELF_EVIDENT or not detail:
        return cause, sentence
    return cause, f"{sentence}: {redact(detail)[:200].rstrip()}"
