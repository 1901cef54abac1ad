"""HTTP on one connection: uvicorn's protocol, with an end to its patience and bounds to what it takes."""

import asyncio
import re
import socket
import struct
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from engine.api.headers import HEADERS, SafeHeaders
from engine.api.idle import Idle
from engine.api.problems import problem

MAX_URL_BYTES = 8 * 2**10
MAX_HEAD_BYTES = 16 * 2**10
MAX_HEADERS = 100
SOCKETS = re.compile(rb"/api/v1/sources/[^/?]+/camera(\?.*)?")
"""The only URLs that may become WebSockets; others are answered as if nobody had asked for one."""
PICTURES = re.compile(rb"/api/v1/sources/([^/?]+/)?preview\.mjpeg(\?.*)?")
_WAITING_BYTES = 16 * 2**10
"""So much of a stream of pictures the kernel holds beyond what is on its way: what waits there is old on arrival."""
CONNECTIONS = 512
"""Above this requests are answered 503, and above that and half as many connections are not taken."""


class _TooMuch(Exception):
    """Ends the parsing of a request; the parser makes its own error of it."""


class ImpatientProtocol(HttpToolsProtocol):
    """Closes a connection that has not sent a whole request, body and all, within `request_s`.

    uvicorn itself waits for ever: a few hundred half-sent requests would use up its connections. The same goes
    for a client that reads nothing of its answer for `answer_s`. URLs and headers are bounded while they arrive.
    """

    def __init__(
        self,
        *args: Any,
        request_s: float,
        answer_s: float,
        idle: Idle | None = None,
        most: int = CONNECTIONS,
        root: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._idle = Idle() if idle is None else idle
        self._most = most
        self._root = root.encode("ascii")
        self._request_s = request_s
        self._answer_s = answer_s
        self._deadline: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._answering = self.app
        self._in_head = False
        self._head_bytes = 0
        self._prompt = False
        self._refusal = (400, "this is no HTTP request")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._most * 3 // 2:
            transport.abort()
        else:
            self._start_waiting()
            self._rest()

    def data_received(self, data: bytes) -> None:
        self._start_waiting()
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head:  # one header may come in many pieces, and is seen with the last
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse_head()
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_URL_BYTES:
            self._refusal = (414, f"the URL is longer than {MAX_URL_BYTES} bytes")
            raise _TooMuch

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._refuse_head()
            raise _TooMuch

    def _should_upgrade(self) -> bool:
        return SOCKETS.fullmatch(self.url) is not None and super()._should_upgrade()

    def on_headers_complete(self) -> None:
        self._in_head = False
        at_root = self._take_off_root()
        self.app = _OVERLOADED if len(self.connections) > self._most else self._answering
        if at_root:
            self.app = _to_folder(self._root)
        self._be_prompt(PICTURES.fullmatch(self.url) is not None)
        super().on_headers_complete()

    def _take_off_root(self) -> bool:
        """A proxy may leave its path before ours or take it off; whether the URL is that path without its slash."""
        path, mark, query = self.url.partition(b"?")
        if not self._root or not path.startswith(self._root):
            return False
        rest = path[len(self._root) :]
        if rest.startswith(b"/"):
            self.url = rest + mark + query
        return not rest

    def on_message_complete(self) -> None:
        self._stop_waiting()
        self._idle.discard(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and self.cycle.response_complete:
            self._rest()

    def handle_websocket_upgrade(self) -> None:
        self._idle.discard(self)
        super().handle_websocket_upgrade()

    def close_idle(self) -> None:
        """See `Idle`: this address has too many."""
        self.timeout_keep_alive_handler()

    def _rest(self) -> None:
        self._idle.add(self, self.client[0] if self.client else "")

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(self._answer_s, self._abandon)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_stuck()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_stuck()
        self._idle.discard(self)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """What the parser did not take, as a problem document."""
        if self.transport.is_closing():
            return
        answer = problem(*self._refusal, headers={**HEADERS, "Connection": "close"})
        lines = (*self.server_state.default_headers, *answer.raw_headers)
        head = b"".join(b"%b: %b\r\n" % line for line in lines)
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[answer.status_code], head, bytes(answer.body)))
        self.transport.close()

    def _abandon(self) -> None:
        # Without this the kernel would go on offering what nobody reads, for minutes.
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _refuse_head(self) -> None:
        self._refusal = (431, f"more than {MAX_HEADERS} headers, or {MAX_HEAD_BYTES} bytes of them")

    def _be_prompt(self, wanted: bool) -> None:
        """Have a picture wait here, where a newer one takes its place, and not in buffers on a slow way."""
        if wanted == self._prompt:
            return
        self._prompt = wanted
        self.transport.set_write_buffer_limits(high=0 if wanted else None)
        option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
        if option is not None:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, option, _WAITING_BYTES if wanted else 0)

    def _start_waiting(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self._request_s, self.timeout_keep_alive_handler)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_stuck(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None


async def _overloaded(scope: Scope, receive: Receive, send: Send) -> None:
    answer = problem(503, "too many connections", headers={"Connection": "close", "Retry-After": "5"})
    await answer(scope, receive, send)


def _to_folder(root: bytes) -> ASGIApp:
    """The page's addresses are relative, so it must be asked for with the slash."""

    async def redirect(scope: Scope, receive: Receive, send: Send) -> None:
        answer = Response(status_code=308, headers={"Location": f"{root.decode()}/"})
        await answer(scope, receive, send)

    return SafeHeaders(redirect)


_OVERLOADED = SafeHeaders(_overloaded)
