"""A small RTSP camera for tests, in the standard library alone: H.264 over TCP or UDP, with faults to switch on."""

import base64
import hashlib
import re
import secrets
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread

_REASONS = {
    200: "OK",
    401: "Unauthorized",
    404: "Not Found",
    453: "Not Enough Bandwidth",
    461: "Unsupported Transport",
    454: "Session Not Found",
    503: "Service Unavailable",
}
_PAYLOAD = 1400
_CLOCK_HZ = 90_000


def access_units(clip: Path) -> list[list[bytes]]:
    """The pictures of an Annex B clip made with access unit delimiters, each a list of NAL units."""
    nals = [nal.rstrip(b"\0") for nal in clip.read_bytes().split(b"\0\0\1")[1:]]
    units: list[list[bytes]] = []
    for nal in nals:
        if nal[0] & 31 == 9:
            units.append([])
        else:
            units[-1].append(nal)
    return units


def rtp_payloads(nals: list[bytes]) -> Iterator[tuple[bytes, bool]]:
    """RFC 6184: each NAL unit as it is, or in FU-A fragments; True marks the picture's last payload."""
    for nal in nals:
        last_nal = nal is nals[-1]
        if len(nal) <= _PAYLOAD:
            yield nal, last_nal
            continue
        pieces = [nal[at : at + _PAYLOAD] for at in range(1, len(nal), _PAYLOAD)]
        for number, piece in enumerate(pieces):
            start, end = number == 0, number == len(pieces) - 1
            header = bytes([nal[0] & 0xE0 | 28, start << 7 | end << 6 | nal[0] & 31])
            yield header + piece, last_nal and end


class RtspCamera:
    """Plays `clip` in a loop to everybody who asks. Its attributes may be set while it runs."""

    def __init__(
        self, clip: Path, fps: float = 15.0, login: tuple[str, str] | None = None, digest: bool = False
    ) -> None:
        self.units = access_units(clip)
        self.fps = fps
        self.login = login
        self.digest = False
        self.status = 200
        """What DESCRIBE answers."""
        self.transports = ("tcp", "udp")
        self.frozen = False
        """Sessions live, no media comes."""
        self.silent = False
        """Connections are taken, nothing is ever answered."""
        self.damage: Callable[[bytes], bytes] | None = None
        """Applied to every slice of a picture."""
        self.still = False
        """The same key frame for ever: a hung encoder."""
        self.key_first = True
        """Whether a viewer begins with a key frame; cameras on a bus do not care."""
        self.tells_parameters = True
        """Whether the description holds the parameters of the video, or only its key frames do."""
        self.number = 0
        """Of the next picture; setting it to 0 sends a key frame now."""
        self.sent_at: list[float] = []
        """When each picture was sent, in wall-clock seconds."""
        self.refusals: dict[str, int] = {}
        """What other methods than DESCRIBE answer."""
        self.loses: Callable[[], bool] = lambda: False
        """Asked for each packet over UDP."""
        self.opened = 0
        """Connections so far."""
        self.port = 0
        self._viewers: set[_Viewer] = set()
        self._lock = Lock()
        self._closing = Event()

    def __enter__(self) -> "RtspCamera":
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def viewers(self) -> list["_Viewer"]:
        with self._lock:
            return list(self._viewers)

    def url(self, login: str = "") -> str:
        return f"rtsp://{login and login + '@'}127.0.0.1:{self.port}/cam"

    def start(self) -> None:
        """Listen, on the same port as before where there was one."""
        self._closing = Event()
        self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = self._listener.getsockname()[1]
        self._threads = [Thread(target=self._accept, daemon=True), Thread(target=self._play, daemon=True)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """As if the power went: the port is closed and every connection is cut."""
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.kick()
        for thread in self._threads:
            thread.join(5)

    def kick(self) -> None:
        """Cut every connection."""
        for viewer in self.viewers:
            viewer.cut()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.opened += 1
            viewer = _Viewer(self, connection)
            with self._lock:
                self._viewers.add(viewer)
            Thread(target=viewer.serve, daemon=True).start()

    def forget(self, viewer: "_Viewer") -> None:
        with self._lock:
            self._viewers.discard(viewer)

    def _play(self) -> None:
        stamp = 0
        due_s = time.monotonic()
        while not self._closing.wait(max(0.0, due_s - time.monotonic())):
            due_s += 1 / self.fps
            stamp += 1
            if self.frozen or self.silent:
                continue
            nals = self.units[0 if self.still else self.number % len(self.units)]
            self.number += 1
            self.sent_at.append(time.time())
            if self.damage:
                nals = [self.damage(nal) if nal[0] & 31 in (1, 5) else nal for nal in nals]
            for viewer in self.viewers:
                viewer.show(list(rtp_payloads(nals)), int(stamp * _CLOCK_HZ / self.fps), key=nals[0][0] & 31 != 1)

    def sdp(self) -> str:
        headers = [nal for nal in self.units[0] if nal[0] & 31 in (7, 8) and self.tells_parameters]
        sets = ",".join(base64.b64encode(nal).decode() for nal in headers)
        return (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n"
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\n"
        )


class _Viewer:
    """One connection: its thread answers requests, the camera's thread sends pictures."""

    def __init__(self, camera: RtspCamera, connection: socket.socket) -> None:
        self._camera = camera
        self._connection = connection
        self._sending = Lock()
        self._nonce = secrets.token_hex(8)
        self._udp: socket.socket | None = None
        self._udp_port = 0
        self._playing = self._began = False
        self._sequence = 0

    def serve(self) -> None:
        try:
            with self._connection.makefile("rb") as stream:
                while request := _request(stream):
                    if not self._camera.silent:
                        self._answer(*request)
        except (OSError, ValueError):
            pass
        finally:
            self.cut()

    def cut(self) -> None:
        self._playing = False
        self._camera.forget(self)
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()
        if self._udp:
            self._udp.close()

    def _answer(self, method: str, url: str, headers: dict[str, str]) -> None:
        answers: dict[str, Callable[[], tuple[int, dict[str, str], str]]] = {
            "OPTIONS": lambda: (200, {"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"}, ""),
            "DESCRIBE": lambda: self._describe(url),
            "SETUP": lambda: self._setup(headers.get("transport", "")),
            "PLAY": lambda: (200, {"Session": "1"}, ""),
        }
        status, extra, body = answers.get(method, lambda: (200, {"Session": "1"}, ""))()
        if method != "OPTIONS" and not self._is_allowed(method, headers.get("authorization", "")):
            status, extra, body = 401, {"WWW-Authenticate": self._challenge()}, ""
        if status == 200 and method in self._camera.refusals:
            status, extra, body = self._camera.refusals[method], {}, ""
        lines = [f"RTSP/1.0 {status} {_REASONS[status]}", f"CSeq: {headers.get('cseq', '0')}"]
        lines += [f"{name}: {value}" for name, value in extra.items()] + [f"Content-Length: {len(body)}", "", body]
        self._send("\r\n".join(lines).encode())
        self._playing |= method == "PLAY" and status == 200

    def _describe(self, url: str) -> tuple[int, dict[str, str], str]:
        if self._camera.status != 200:
            return self._camera.status, {}, ""
        return 200, {"Content-Type": "application/sdp", "Content-Base": f"{url}/"}, self._camera.sdp()

    def _setup(self, transport: str) -> tuple[int, dict[str, str], str]:
        wanted = "tcp" if "TCP" in transport else "udp"
        if wanted not in self._camera.transports:
            return 461, {}, ""
        if wanted == "tcp":
            return 200, {"Session": "1", "Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}, ""
        ports = re.search(r"client_port=(\d+)-(\d+)", transport)
        assert ports
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._udp_port = int(ports[1])
        mine = self._udp.getsockname()[1]
        return 200, {"Session": "1", "Transport": f"{ports.string};server_port={mine}-{mine + 1}"}, ""

    def _challenge(self) -> str:
        return f'Digest realm="test", nonce="{self._nonce}"' if self._camera.digest else 'Basic realm="test"'

    def _is_allowed(self, method: str, offered: str) -> bool:
        if self._camera.login is None:
            return True
        user, password = self._camera.login
        if not self._camera.digest:
            return offered == "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        said = dict(re.findall(r'(\w+)="([^"]*)"', offered))
        secret = _md5(f"{user}:test:{password}")
        return said.get("response") == _md5(f"{secret}:{self._nonce}:{_md5(f'{method}:' + said.get('uri', ''))}")

    def show(self, payloads: list[tuple[bytes, bool]], timestamp: int, *, key: bool) -> None:
        """Send one picture; a viewer begins with a key picture."""
        if not self._playing or not (self._began or key or not self._camera.key_first):
            return
        self._began = True
        for payload, last in payloads:
            self._sequence = (self._sequence + 1) % 65536
            header = struct.pack(">BBHII", 0x80, 96 | last << 7, self._sequence, timestamp % 2**32, 0x5EED)
            self._send_media(header + payload)

    def _send_media(self, packet: bytes) -> None:
        if self._udp:
            if self._camera.loses():
                return
            with suppress(OSError):
                self._udp.sendto(packet, ("127.0.0.1", self._udp_port))
        else:
            self._send(struct.pack(">cBH", b"$", 0, len(packet)) + packet)

    def _send(self, data: bytes) -> None:
        try:
            with self._sending:
                self._connection.sendall(data)
        except OSError:
            self.cut()


def _request(stream) -> tuple[str, str, dict[str, str]] | None:  # type: ignore[no-untyped-def]
    """The next request; what a viewer sends in between (RTCP) is skipped."""
    while (first := stream.read(1)) == b"$":
        _channel, length = struct.unpack(">BH", stream.read(3))
        stream.read(length)
    if not first:
        return None
    method, url, _version = (first + stream.readline()).decode().split()
    headers = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return method, url, headers


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
