"""Wrong tokens, counted by the address they came from."""

import ipaddress
import math
from collections import OrderedDict, deque

from engine.clock import Clock

ALLOWED = 10
"""So many wrong tokens within `WINDOW_S` are put down to fumbling."""
WINDOW_S = 60.0
_ADDRESSES = 4096


class Failures:
    """Makes an address wait that has guessed too often. For one thread.

    What is remembered is bounded: of very many addresses the one that failed longest ago is forgotten.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str) -> int:
        """Whole seconds until `address` may try again; 0 when it may now."""
        times = self._times.get(household(address))
        if times is None or len(times) < ALLOWED:
            return 0
        return max(0, math.ceil(times[0] + WINDOW_S - self._clock.monotonic()))

    def add(self, address: str) -> None:
        """`address` has sent a wrong token."""
        whose = household(address)
        self._times.setdefault(whose, deque(maxlen=ALLOWED)).append(self._clock.monotonic())
        self._times.move_to_end(whose)
        if len(self._times) > _ADDRESSES:
            self._times.popitem(last=False)


def household(address: str) -> str:
    """The address; of IPv6 the /64, within which one machine has as many addresses as it likes.

    >>> household("10.0.0.7"), household("2001:db8::1:2:3:4")
    ('10.0.0.7', '2001:db8::')
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    return str(found.ipv4_mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)).network_address)
