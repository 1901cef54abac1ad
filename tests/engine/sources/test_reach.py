import socket
import time
from ipaddress import ip_address
from threading import Event

import pytest

from engine.sources.reach import resolve, take_apart
from tests.support.redis_server import until


@pytest.mark.parametrize(
    ("uri", "host", "there"),
    [
        ("rtsp://cam/live", "cam", "rtsp://10.0.0.7/live"),
        ("RTSP://Cam.LAN.:8554/live?x=1", "cam.lan", "rtsp://10.0.0.7:8554/live?x=1"),
        ("rtsp://admin:S3cr%40t%2F%23%3F%3A%25@cam", "cam", "rtsp://admin:S3cr%40t%2F%23%3F%3A%25@10.0.0.7"),
        ("rtsp://a:b:c@10.0.0.9:0554/x", "10.0.0.9", "rtsp://a:b:c@10.0.0.7:554/x"),
        ("https://[2001:DB8::7]:443/x", "2001:db8::7", "https://10.0.0.7:443/x"),
        ("http://cam?channel=1&token=x", "cam", "http://10.0.0.7?channel=1&token=x"),
    ],
)
def test_an_address_is_asked_for_somewhere_else_with_all_that_belongs_to_it(uri: str, host: str, there: str) -> None:
    target = take_apart(uri)
    assert (target.host, target.at(ip_address("10.0.0.7"))) == (host, there)
    assert "S3cr" not in repr(target)


def test_an_ipv6_address_stands_in_brackets() -> None:
    target = take_apart("rtsp://cam:554/x")
    assert target.at(ip_address("2001:db8::7")) == "rtsp://[2001:db8::7]:554/x"
    assert take_apart("http://[2001:db8::7]:80/x").place == "[2001:db8::7]:80"


HIDDEN = "hunter2"


@pytest.mark.parametrize(
    "uri",
    [
        f"rtsp://admin:{HIDDEN}@good@127.0.0.1/x",  # which @ counts?
        f"rtsp://admin:{HIDDEN}@good:80@127.0.0.1/x",
        f"rtsp://good/@{HIDDEN}", f"rtsp://good?@{HIDDEN}", f"rtsp://good#@{HIDDEN}",
        f"rtsp://good\\@{HIDDEN}/x", f"rtsp://good:80\\@{HIDDEN}", f"rtsp:///{HIDDEN}", f"rtsp:{HIDDEN}/x",
        f"rtsp://good /{HIDDEN}", f"rtsp://good\t/{HIDDEN}", f"rtsp://good\r\nHost: {HIDDEN}", f"rtsp://good\x00.{HIDDEN}/",
        f"rtsp://%6c%6f%63alhost/{HIDDEN}", f"rtsp://127%2e0.0.1/{HIDDEN}", f"rtsp://ⓛocalhost/{HIDDEN}",
        f"rtsp://\uff11\uff12\uff17.0.0.1/{HIDDEN}", f"rtsp://bücher/{HIDDEN}", f"rtsp://good/{HIDDEN}é",
        f"rtsp://a%0d%0aX: {HIDDEN}@good/", f"rtsp://good/%0a{HIDDEN}", f"rtsp://good/%00{HIDDEN}", f"rtsp://good/%7F{HIDDEN}",
        f"rtsp://[::1%25eth0]/{HIDDEN}", f"rtsp://[fe80::1%eth0]/{HIDDEN}", f"rtsp://[::1/{HIDDEN}", f"rtsp://[127.0.0.1]/{HIDDEN}",
        f"rtsp://::1/{HIDDEN}", f"rtsp://good:/{HIDDEN}", f"rtsp://good:0/{HIDDEN}", f"rtsp://good:65536/{HIDDEN}",
        f"rtsp://good:+80/{HIDDEN}", f"rtsp://good:8_0/{HIDDEN}", f"rtsp://good:{'9' * 30}/{HIDDEN}",
        f"rtsp://127.1/{HIDDEN}", f"rtsp://2130706433/{HIDDEN}", f"rtsp://0x7f.1/{HIDDEN}", f"rtsp://0177.0.0.1/{HIDDEN}",
        f"rtsp://***@good/{HIDDEN}", f"rtsp://admin:***@good/{HIDDEN}", "rtsp://${HOME}@good/x", "rtsp://good/${HOME}",
        f"concat:rtsp://good/{HIDDEN}", f"rtsp,rtsp://good/{HIDDEN}", "",
    ],
)  # fmt: skip
def test_what_programs_could_read_differently_is_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(ValueError) as caught:
        take_apart(uri)
    assert HIDDEN not in str(caught.value) and "\n" not in str(caught.value)


def test_names_are_resolved_to_all_their_addresses_and_addresses_to_themselves() -> None:
    assert ip_address("127.0.0.1") in resolve("localhost")
    assert resolve("10.0.0.7") == (ip_address("10.0.0.7"),)
    assert resolve("2001:db8::7") == (ip_address("2001:db8::7"),)


def test_a_resolver_that_does_not_answer_is_not_waited_for() -> None:
    answered = Event()
    began_s = time.monotonic()
    assert resolve("slow.invalid", 0.05, lambda *_a, **_k: [answered.wait(20)][1:]) == ()
    assert time.monotonic() - began_s < 10
    answered.set()


def test_lookups_that_hang_are_bounded() -> None:
    answered, asked = Event(), []

    def hang(*_args: object, **_more: object) -> list[object]:
        asked.append(1)
        answered.wait(20)
        return []

    assert {resolve("slow.invalid", 0.01, hang) for _ in range(30)} == {()}
    until(lambda: len(asked) >= 16)  # the last one's thread may still have to begin
    assert len(asked) == 16
    answered.set()


def test_a_name_that_nobody_knows_has_no_address() -> None:
    def unknown(*_args: object, **_more: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    assert resolve("nobody.invalid", lookup=unknown) == ()
