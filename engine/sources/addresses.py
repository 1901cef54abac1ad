"""Which hosts may be asked for pictures: an allow list, and addresses that no name may lead to unnoticed."""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*")
_SPECIAL: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        # This machine, this link, everybody, nobody, and what was never given out.
        *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/128", "::1/128", "fe80::/10", "fec0::/10", "ff00::/8"),
        # Where clouds tell machines their secrets, besides 169.254.169.254.
        *("100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128", "fd20:ce::254/128"),
        # IPv4 in a shape that only the local network knows.
        "64:ff9b:1::/48",
    )
)
_ENDS_WITH_IPV4 = tuple(ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96"))
_ISATAP = (0x00005EFE, 0x02005EFE)


def name_of(text: str) -> str:
    """A host name as names are compared: lower case, without the dot at its end.

    Raises:
        ValueError: it is no plain name; spellings of numbers that only some programs read as an address are none.
    """
    name = text.lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        raise ValueError("expected a name of letters a to z, digits, '-', '_' and dots, or an IP address")
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.rpartition(".")[2]):
        raise ValueError("write an IPv4 address as four decimal numbers, such as 10.0.0.7")
    return name


def literal(text: str) -> Address | None:
    """The address that `text` spells in the one usual way; None for anything else."""
    with suppress(ValueError):
        return ipaddress.ip_address(text)
    return None


def is_own(address: Address) -> bool:
    """Whether `address` is one of this machine's: its packets to there would come from there. Sends nothing."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((str(address), 9))
        return ipaddress.ip_address(probe.getsockname()[0].partition("%")[0]) == address
    return False


class Hosts:
    """An allow list of names, addresses and networks; an empty one allows all but special addresses.

    Special are loopback, link-local, multicast and the like, cloud metadata, and this machine's own ones. They are
    allowed only where the list names them or a network within theirs: `0.0.0.0/0` does not.
    """

    def __init__(self, entries: Iterable[str] = (), own: Callable[[Address], bool] = is_own) -> None:
        """Raises `ValueError` for an entry that is none of the three."""
        self._own = own
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for entry in entries:
            self._add(entry)

    def _add(self, entry: str) -> None:
        if "/" in entry or literal(entry):
            try:
                self._networks.append(ipaddress.ip_network(entry))
            except ValueError as error:
                raise ValueError(f"{entry!r} is no network: {error}") from error
        else:
            try:
                self._names.add(name_of(entry))
            except ValueError as error:
                raise ValueError(f"{entry!r}: {error}") from error

    def allow(self, host: str, addresses: Iterable[Address]) -> bool:
        """Whether `host`, a name as of `name_of` or an address, may be reached at every one of `addresses`."""
        found = tuple(addresses)
        named = host in self._names or not (self._names or self._networks)
        return bool(found) and all(self._allows(address, named) for address in found)

    def lists(self, host: str) -> bool:
        """Whether `host` itself stands in the list, by its name or as a single address; a network lists none."""
        address = literal(host)
        if address is None:
            return host in self._names
        return any(address in network and network.num_addresses == 1 for network in self._networks)

    def _allows(self, address: Address, named: bool) -> bool:
        address = getattr(address, "ipv4_mapped", None) or address
        if getattr(address, "scope_id", None):
            return False
        if not (named or any(address in network for network in self._networks)):
            return False
        return all(self._is_usual_or_listed(one) for one in (address, *_within(address)))

    def _is_usual_or_listed(self, address: Address) -> bool:
        special: list[Network] = [network for network in _SPECIAL if address in network]
        if not special and self._own(address):
            special = [ipaddress.ip_network(address)]
        return not special or any(
            address in listed and any(listed.subnet_of(one) for one in special if one.version == listed.version)  # type: ignore[arg-type]
            for listed in self._networks
        )


def _within(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 one leads to: NAT64, 6to4, Teredo, ISATAP, and the forms of old."""
    if isinstance(address, IPv4Address):
        return ()
    found = [*filter(None, (address.sixtofour,)), *(address.teredo or ())]
    number = int(address)
    if any(address in network for network in _ENDS_WITH_IPV4) or (number >> 32 & 0xFFFFFFFF) in _ISATAP:
        found.append(IPv4Address(number & 0xFFFFFFFF))
    return tuple(found)
