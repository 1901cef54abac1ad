"""File descriptors: how many this process may have, and how cameras and connections share them."""

import logging
import resource

logger = logging.getLogger(__name__)

ENOUGH = 65_536
KEPT = 160
"""For models, the history's readers, Redis, logs, and whatever a library opens for a moment."""
PER_CAMERA = 6
"""A camera over UDP; one over TCP takes two."""
_LEAST = 16


def raise_limit() -> int:
    """Raise this process's soft limit to its hard one, as far as is useful; how many descriptors it may have now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as error:
            logger.warning("the limit of %d open files cannot be raised: %s", soft, error)
        else:
            soft = wanted
    return ENOUGH if soft == resource.RLIM_INFINITY else soft


def cameras_for(limit: int) -> int:
    """How many cameras `limit` descriptors are enough for: half of what is not kept.

    >>> cameras_for(256), cameras_for(1024), cameras_for(65536)
    (8, 72, 5448)
    """
    return max(1, (limit - KEPT) // 2 // PER_CAMERA)


def connections_for(limit: int, most: int) -> int:
    """How many connections the API may take at a time, `most` at most: the other half, with room for refusals.

    >>> connections_for(256, 512), connections_for(1024, 512), connections_for(65536, 512)
    (32, 288, 512)
    """
    return min(most, max(_LEAST, (limit - KEPT) // 2 * 2 // 3))


def check(limit: int, cameras: int) -> None:
    """Say so where `limit` is low for so many cameras."""
    if cameras > cameras_for(limit):
        need = 2 * cameras * PER_CAMERA + KEPT
        logger.warning(
            "%d cameras may need more than the %d files this process may open; raise the limit (ulimit -n %d)",
            cameras, limit, need,
        )  # fmt: skip
