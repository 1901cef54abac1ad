"""Network addresses of cameras: taken apart strictly, names resolved and hosts looked for within a time."""

import os
import re
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from threading import BoundedSemaphore, Event, Thread
from typing import Any
from urllib.parse import urlsplit

from engine.redact import ENCODE
from engine.sources.addresses import Address, literal, name_of
from engine.sources.config import SourceConfig

RESOLVE_S = 3.0
"""How long the resolver may take."""
_LOOKUPS = BoundedSemaphore(16)
LOOK_S = 1.5
"""How long a host may take to accept a connection while it is looked for; long enough for one lost packet."""
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
# User and password may hold anything that no program takes for the end of them.
_ADDRESS = re.compile(
    r"(?P<scheme>[a-z]+)://(?P<login>[^@/?#\\\s]*@)?(?P<host>\[[^\]@/?#]*\]|[^\[\]:@/?#\\]*)(:(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>[/?][^@#\\\s]*)?"
)
_CONTROL = re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """A network address in its parts. `login` ends with @ or is empty; `host` is a name or an address, unbracketed."""

    scheme: str
    login: str
    host: str
    port: str
    rest: str

    @property
    def is_encrypted(self) -> bool:
        return self.scheme in ("rtsps", "https")

    @property
    def port_number(self) -> int:
        """The port, or the scheme's own."""
        return int(self.port[1:]) if self.port else _PORTS[self.scheme]

    @property
    def place(self) -> str:
        """Host and port as they stand in an address."""
        return f"{_bracketed(self.host)}{self.port}"

    def at(self, address: Address) -> str:
        """The same, asked for at `address`."""
        return f"{self.scheme}://{self.login}{_bracketed(str(address))}{self.port}{self.rest}"


def take_apart(uri: str) -> Target:
    """The parts of `uri`, where all programs would see the same ones.

    Raises:
        ValueError: it is ambiguous, or hides something; the message does not repeat it.
    """
    if not uri.isascii() or not uri.isprintable() or _CONTROL.search(uri):
        raise ValueError("an address is ASCII without control characters; write others with %, a host name as xn--…")
    found = _ADDRESS.fullmatch(uri) or _ADDRESS.fullmatch(_lower_scheme(uri))
    if found is None:
        raise ValueError(f"expected scheme://user:password@host:port/path; {ENCODE}")
    if "***" in uri:
        raise ValueError("*** stands for credentials that are not shown; write them, or leave uri out")
    if "${" in uri:
        raise ValueError("${NAME} is filled in from the environment in the configuration file only")
    port = found["port"]
    if port is not None and not 0 < int(port) < 65536:
        raise ValueError("a port is 1 to 65535")
    host = _host(found["host"])
    return Target(found["scheme"], found["login"] or "", host, f":{int(port)}" if port else "", found["rest"] or "")


def _lower_scheme(uri: str) -> str:
    scheme, colon, rest = uri.partition(":")
    return scheme.lower() + colon + rest


def _host(text: str) -> str:
    if text.startswith("["):
        address = literal(text[1:-1])
        if address is None or address.version != 6 or "%" in text:
            raise ValueError("between brackets stands an IPv6 address without a zone")
        return str(address)
    address = literal(text)
    return str(address) if address else name_of(text)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def resolve(
    host: str, timeout_s: float = RESOLVE_S, lookup: Callable[..., Any] = socket.getaddrinfo
) -> tuple[Address, ...]:
    """All addresses of `host`, in the resolver's order; empty when it knows none or does not answer in time.

    The resolver cannot be interrupted, so it is asked in a thread that is left behind when time is over; of such
    threads there are sixteen at most.
    """
    if address := literal(host):
        return (address,)
    found: list[Address] = []
    done = Event()

    def ask() -> None:
        try:
            with suppress(OSError, UnicodeError):
                answers = lookup(host, None, type=socket.SOCK_STREAM)
                found.extend(filter(None, (literal(str(answer[4][0])) for answer in answers)))
        finally:
            _LOOKUPS.release()
            done.set()

    if not _LOOKUPS.acquire(timeout=timeout_s):
        return ()
    Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    return tuple(dict.fromkeys(found)) if done.wait(timeout_s) else ()


def listens(addresses: Iterable[Address], port: int) -> bool:
    """Whether a TCP connection to `port` is accepted at one of `addresses`; blocks for `LOOK_S` for each."""
    for address in addresses:
        with suppress(OSError), socket.create_connection((str(address), port), LOOK_S):
            return True
    return False


def answers(config: SourceConfig) -> bool:
    """Whether a camera on the network accepts connections: cheap, unlike opening it. True for any other source.

    Blocks for a few seconds at most.
    """
    if config.kind not in ("rtsp", "http") or (config.kind == "http" and "http_proxy" in os.environ):
        return True
    try:
        parts = urlsplit(config.uri)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    except ValueError:
        return True
    return listens(resolve(host), port)
