import socket
from ipaddress import ip_address

import pytest

from engine.sources.addresses import Hosts, is_own, literal, name_of


def allowed(hosts: tuple[str, ...], host: str, *addresses: str) -> bool:
    return Hosts(hosts, own=lambda _address: False).allow(host, [ip_address(one) for one in addresses or (host,)])


USUAL = (
    "10.0.0.7",
    "192.168.1.20",
    "172.16.3.4",
    "203.0.113.9",
    "100.64.0.9",
    "2001:db8::7",
    "fd12::7",
    "2606:4700::1",
)
SPECIAL = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "224.0.0.1", "239.1.2.3",
    "255.255.255.255", "240.0.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "::1", "::", "fe80::1",
    "fe80::1%2", "ff02::1", "fd00:ec2::254", "fd20:ce::254", "fec0::1",
    # IPv4 in the clothes of IPv6: mapped, compatible, translated, NAT64, 6to4, ISATAP, Teredo (client and server).
    "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1",
    "2002:7f00:1::1", "2002:a9fe:a9fe::", "2001:db8::5efe:127.0.0.1", "2001:db8::200:5efe:169.254.169.254",
    "2001:0:cb00:7109:0:0:80ff:fffe", "2001:0:7f00:1:0:0:34ff:8ef6",
)  # fmt: skip


@pytest.mark.parametrize("address", USUAL)
def test_without_a_list_usual_addresses_are_allowed(address: str) -> None:
    assert allowed((), address)


@pytest.mark.parametrize("address", SPECIAL)
def test_special_ones_are_not_however_they_are_written(address: str) -> None:
    assert not allowed((), address)
    assert not allowed((), "camera", "10.0.0.7", address), "one of several is enough"
    assert not allowed(("camera", "0.0.0.0/0", "::/0"), "camera", address), "a wide network does not name it"


@pytest.mark.parametrize(
    ("hosts", "host", "addresses", "expected"),
    [
        (("10.0.0.0/8",), "10.1.2.3", (), True),
        (("10.0.0.0/8",), "camera", ("10.1.2.3",), True),
        (("10.0.0.0/8",), "camera", ("10.1.2.3", "192.168.0.1"), False),
        (("10.0.0.0/8",), "::ffff:10.1.2.3", (), True),  # the same machine
        (("10.0.0.0/8",), "11.0.0.1", (), False),
        (("camera.lan",), "camera.lan", ("192.168.0.7",), True),
        (("Camera.LAN.",), "camera.lan", ("192.168.0.7",), True),
        (("camera.lan",), "other.lan", ("192.168.0.7",), False),
        (("camera.lan",), "192.168.0.7", (), False),
        (("camera.lan",), "camera.lan", ("127.0.0.1",), False),  # a listed name that was turned
        (("camera.lan", "127.0.0.1"), "camera.lan", ("127.0.0.1",), True),
        (("127.0.0.0/8",), "127.0.0.1", (), True),
        (("169.254.1.0/24",), "169.254.1.9", (), True),
        (("169.254.1.0/24",), "169.254.169.254", (), False),
        (("2001:db8::/32",), "2001:db8::1", (), True),
        (("2002::/16",), "2002:7f00:1::1", (), False),
        (("2002::/16", "127.0.0.1"), "2002:7f00:1::1", (), True),
        (("fe80::/10",), "fe80::1%2", (), False),
        ((), "camera", (), False),
    ],
)
def test_a_list_is_names_addresses_and_networks(
    hosts: tuple[str, ...], host: str, addresses: tuple[str, ...], expected: bool
) -> None:
    found = addresses if addresses or not literal(host) else (host,)
    assert Hosts(hosts, own=lambda _one: False).allow(host, map(ip_address, found)) is expected


def test_this_machines_own_addresses_must_be_listed_themselves() -> None:
    own = ip_address("192.168.1.20")
    for hosts, expected in (((), False), (("192.168.1.0/24",), False), (("192.168.1.20",), True)):
        assert Hosts(hosts, own=own.__eq__).allow("192.168.1.20", [own]) is expected


def test_the_system_tells_which_addresses_are_its_own() -> None:
    assert is_own(ip_address("127.0.0.1"))
    assert not is_own(ip_address("192.0.2.77"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no route")
        assert is_own(ip_address(probe.getsockname()[0]))


@pytest.mark.parametrize(
    "name",
    ["127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.0x1", "1.2.3.4.5", "a..b", ".", "", "-a",
     "a b", "a%2eb", "[::1]", "a" * 64, "x.0x", "localhost:80", "\uff4cocalhost"],
)  # fmt: skip
def test_other_spellings_of_numbers_and_odd_names_are_no_names(name: str) -> None:
    with pytest.raises(ValueError, match=r"expected a name|four decimal numbers"):
        name_of(name)


@pytest.mark.parametrize("entry", ["10.0.0.7/24", "10.0.0.0/33", "a/b", "cam*", "http://cam", "127.1", ""])
def test_an_entry_that_is_none_of_the_three_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=entry.replace("*", r"\*") or "''"):
        Hosts([entry])
