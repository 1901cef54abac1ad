"""The server: uvicorn in a thread of its own."""

import errno
import logging
import socket
from functools import partial
from threading import Event, Thread
from typing import Any

import uvicorn
from fastapi import FastAPI

from engine.api.config import ApiConfig
from engine.api.headers import SafeHeaders
from engine.api.idle import Idle
from engine.api.protocol import CONNECTIONS, ImpatientProtocol
from engine.api.sockets import MAX_MESSAGE_BYTES, BinarySocket
from engine.errors import ConfigError

logger = logging.getLogger(__name__)

REQUEST_S = 10.0
"""How long a client may take to send its request."""
ANSWER_S = 20.0
"""How long a client may leave what was sent to it unread."""
_START_S = 10.0
_STOP_S = 3
_BACKLOG = 128
_SEND_BYTES = 256 * 2**10
"""How much the kernel may hold for a client that does not read; left alone it would take megabytes."""
_ANY = ("0.0.0.0", "::")  # noqa: S104


class ApiServer:
    """Serves `app`; leaves signals to whoever runs the process. One thread starts and stops it."""

    def __init__(
        self,
        app: FastAPI,
        config: ApiConfig,
        request_s: float = REQUEST_S,
        answer_s: float = ANSWER_S,
        connections: int = CONNECTIONS,
    ) -> None:
        """Above `connections` requests are answered 503, and above half as many more none is taken."""
        self._config = config
        http: Any = partial(
            ImpatientProtocol,
            root=config.root_path,
            request_s=request_s,
            answer_s=answer_s,
            idle=Idle(),
            most=connections,
        )
        self._server = _Server(
            uvicorn.Config(
                SafeHeaders(app),
                log_config=None,
                access_log=False,
                lifespan="off",
                ws=BinarySocket,
                ws_max_size=MAX_MESSAGE_BYTES,
                # Pictures are compressed already, and what is packed can be larger than it looks.
                ws_per_message_deflate=False,
                loop="asyncio",
                http=http,
                # asyncio takes as many at once before it looks at any of them: each has a descriptor by then.
                backlog=max(8, min(_BACKLOG, connections // 4)),
                server_header=False,
                proxy_headers=False,
                # It would warn of every request that is none, and of nothing else.
                log_level="error",
                timeout_graceful_shutdown=_STOP_S - 1,
            )
        )
        self._socket: socket.socket | None = None
        self._port: int | None = None
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """Where it can be asked, with the port it really got. Only after `start`."""
        if self._port is None:
            raise RuntimeError("the API server has not been started")
        host = "127.0.0.1" if self._config.host in _ANY else self._config.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    def start(self) -> None:
        """Listen, and answer when this returns.

        Raises:
            ConfigError: the address cannot be listened on.
        """
        self._socket = _bind(self._config.host, self._config.port)
        self._port = self._socket.getsockname()[1]
        self._thread = Thread(target=self._serve, args=([self._socket],), name="api", daemon=True)
        self._thread.start()
        if not self._server.answering.wait(_START_S):
            self.stop()
            raise ConfigError(f"api: the server did not start within {_START_S:.0f} s")

    def _serve(self, sockets: list[socket.socket]) -> None:
        self._server.run(sockets)

    def stop(self) -> None:
        """Finish what is being answered, for about two seconds at most. Stopping twice does nothing."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_S)
            if self._thread.is_alive():
                logger.warning("the API did not stop within %d s", _STOP_S)
        if self._socket is not None:
            self._socket.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answering.set()


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    try:
        _bind(host, port).close()
    except ConfigError:
        return False
    return True


def _bind(host: str, port: int) -> socket.socket:
    """A bound socket; bound before the thread starts, so that a port in use is told at once."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError(f"api.host: {host!r} is not an address: {error.strerror or error}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(_refusal(host, port, error)) from error
    return listener


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"api.port: {port} is in use on {host}; choose another or stop the other program"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"api.host: {host} is not an address of this machine; use 127.0.0.1, or 0.0.0.0 with a token"
    return f"api.port: cannot listen on {host}:{port}: {error.strerror}"
