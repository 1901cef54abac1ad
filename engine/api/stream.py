"""Events as they come: server-sent events, read from the history, so that none is missed."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from engine import jsontext
from engine.api import problems
from engine.api.bell import Bell
from engine.api.examples import EVENT_STREAM
from engine.api.query import StreamQuery
from engine.api.seats import Full, Seats
from engine.errors import HistoryError
from engine.history import EventFilter, History
from engine.items import EmotionEvent

logger = logging.getLogger(__name__)

MAX_STREAMS = 64
HEARTBEAT_S = 15.0
_AT_ONCE = 200
_BREATH_S = 0.1
"""What comes within this time goes out together, so that many readers cost few queries."""
_MEDIA_TYPE = "text/event-stream"
_LAST_ROW = 2**63 - 1

LastEventId = Annotated[
    str | None,
    Header(pattern=r"^[0-9]{1,19}$", description="The `id` of the last event received; what came after it is sent."),
]


@dataclass
class Streams:
    """Hands the rows of `history` to those who listen. `heartbeat_s`: how long a stream may be silent."""

    history: History
    bell: Bell
    heartbeat_s: float = HEARTBEAT_S
    seats: Seats = field(default_factory=lambda: Seats(MAX_STREAMS))

    async def start(self, after: str | None) -> int:
        """The row to go on after: that of `after`, or the newest one.

        An id from beyond the newest row is of another history, of which this reader knows nothing yet.
        """
        newest = await run_in_threadpool(self.history.last_row)
        if after is None:
            return newest
        row_id = min(int(after), _LAST_ROW)
        return row_id if row_id <= newest else 0

    async def events(self, wanted: EventFilter, position: int) -> AsyncIterator[bytes]:
        """The stream. Reads on only when what it has sent was taken, so it holds one batch at most."""
        try:
            yield b"retry: 2000\n\n"
            while not self.bell.closed:
                rings = self.bell.rings
                newest = await run_in_threadpool(self.history.last_row)
                rows = await run_in_threadpool(self.history.events_after, position, _AT_ONCE, wanted)
                for row_id, event in rows:
                    yield _lines(row_id, event)
                # Rows of no interest are behind us, too; they need not be looked at again.
                position = rows[-1][0] if len(rows) == _AT_ONCE else max([position, newest, *(row for row, _ in rows)])
                if len(rows) < _AT_ONCE:
                    if not await self.bell.wait(rings, self.heartbeat_s):
                        yield b": still here\n\n"
                    await asyncio.sleep(_BREATH_S)
        except HistoryError as error:
            logger.warning("a stream of events ends, to be taken up again by its reader: %s", error)


class _EventStream(StreamingResponse):
    """The stream of one reader. Has its place from before its first byte until it ends, whatever way."""

    def __init__(self, streams: Streams, wanted: EventFilter, position: int) -> None:
        super().__init__(streams.events(wanted, position), media_type=_MEDIA_TYPE)
        self._seats = streams.seats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._seats.one():
                await super().__call__(scope, receive, send)
        except Full:
            text = f"{self._seats.limit} streams are open already"
            await problems.problem(503, text, headers={"Retry-After": "10"})(scope, receive, send)


def _lines(row_id: int, event: EmotionEvent) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (row_id, event.type.encode(), jsontext.dumps(event.document))


def add_stream(router: APIRouter, streams: Streams) -> None:
    """`GET events/stream`."""
    documented: dict[str, Any] = {
        "description": "Server-sent events: `id` a row number, `event` the type, `data` the event document.",
        "content": {_MEDIA_TYPE: {"schema": {"type": "string"}, "example": EVENT_STREAM}},
    }

    @router.get(
        "/events/stream",
        summary="Events as they come",
        response_class=StreamingResponse,
        responses={200: documented, **problems.responses(503)},
        operation_id="stream_events",
    )
    async def stream(
        request: Request, query: Annotated[StreamQuery, Query()], last_event_id: LastEventId = None
    ) -> Response:
        """Without `Last-Event-ID` begins now; with it, after that event, so that a reader which comes back has missed
        nothing. A comment comes every 15 seconds when nothing else does. A reader that stops reading is cut off.
        """
        position = await streams.start(last_event_id)
        if "head" in request.scope.get("extensions", {}):
            return Response(media_type=_MEDIA_TYPE)
        return _EventStream(streams, query.event_filter(), position)
