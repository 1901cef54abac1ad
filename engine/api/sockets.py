"""WebSockets on one connection: uvicorn's protocol, for binary messages of a bounded size."""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MAX_MESSAGE_BYTES = 2**20
"""Of one message, before any of it is looked at; longer ones end the connection with code 1009."""
_ANSWER_S = 20.0
_NOT_BINARY = 1003


class BinarySocket(WebSocketsSansIOProtocol):
    """Reads on only when the last message was taken. Closes on text, and on a client that does not read its answers."""

    _stuck: asyncio.TimerHandle | None = None

    def handle_text(self, event: Any) -> None:  # noqa: ARG002
        """Whatever it says: it need not even be Unicode."""
        self.conn.fail(_NOT_BINARY, "only binary messages are taken")
        self.handle_parser_exception()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            # It was refused, which is an answer, too; uvicorn would report an unfinished one.
            self.handshake_complete = True

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(_ANSWER_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_stuck()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_stuck()
        super().connection_lost(exc)

    def _stop_stuck(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
