"""`sources/{id}/camera`: a browser sends what its camera sees, and hears what the engine makes of it."""

import asyncio
import json
import math
import struct
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Path, WebSocket, WebSocketDisconnect, WebSocketException

from engine.api.sockets import MAX_MESSAGE_BYTES
from engine.errors import Refusal, SourceRefused
from engine.fields import Name
from engine.preview import Shot, Shots, Watch, faces_of
from engine.sources.browsers import BrowserCameras
from engine.sources.pushed import MAX_PIXELS, PushedPictures, check_jpeg

SUBPROTOCOL = "moodline.camera"
HEADER = struct.Struct(">4sId")
"""In front of each picture: `MLC1`, its number (1, 2, ...) and when it was taken, in the page's own milliseconds."""
MAGIC = b"MLC1"
WINDOW = 2
"""So many pictures may be on the way; the next one is sent when one of them was taken."""

# Why the engine closes; 4000 to 4999 are ours. Pages and programs tell them apart, people read the text beside.
BAD_MESSAGE, OFF, IDLE, IN_USE, GONE, NOT_TAKEN, TOO_MANY, TOO_FAST = 4400, 4403, 4408, 4409, 4410, 4415, 4429, 4430
_REFUSED = {Refusal.EXISTS: IN_USE, Refusal.FULL: TOO_MANY}


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a page may be silent, how many pictures it may send in a second, how long an answer may wait."""

    idle_s: float = 10.0
    pictures_per_s: float = 30.0
    answer_s: float = 10.0


class _Closing(Exception):
    """Ends a conversation: a close code, and why in a few words."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


class _Pace:
    """Bounds a rate, bursts of a second allowed. Times are seconds of one clock."""

    def __init__(self, per_s: float, now_s: float) -> None:
        self._per_s = self._left = per_s
        self._now_s = now_s

    def check(self, now_s: float) -> None:
        self._left = min(self._per_s, self._left + (now_s - self._now_s) * self._per_s) - 1
        self._now_s = now_s
        if self._left < 0:
            raise _Closing(TOO_FAST, f"more than {self._per_s:g} pictures a second")


@dataclass
class _Conversation:
    """One open socket, in the event loop."""

    socket: WebSocket
    cameras: BrowserCameras
    shots: Shots | None
    limits: Limits
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _received: int = 0
    """Number of the last picture."""
    _told: int = 0
    _regretted: int = 0
    _seen: int = 0

    async def run(self, source_id: str) -> None:
        """Until one of both leaves. Raises `_Closing` when it is the engine."""
        try:
            pictures = self.cameras.begin(source_id, self._notifier())
        except SourceRefused as error:
            raise _Closing(_REFUSED.get(error.why, OFF), str(error)) from error
        watching = self.shots.watch(source_id, self._notifier()) if self.shots else nullcontext()
        try:
            with watching as watch:
                await self._talk(pictures, watch)
        finally:
            self.cameras.end(pictures)

    def _notifier(self) -> Callable[[], None]:
        loop = asyncio.get_running_loop()

        def notify() -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._news.set)

        return notify

    async def _talk(self, pictures: PushedPictures, watch: Watch | None) -> None:
        await self._send(type="ready", source_id=pictures.config.id, **_BOUNDS, faces=self.shots is not None)
        tasks = {asyncio.create_task(self._listen(pictures)), asyncio.create_task(self._answer(pictures, watch))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, pictures: PushedPictures) -> None:
        """Until the page leaves."""
        pace = _Pace(self.limits.pictures_per_s, asyncio.get_running_loop().time())
        while True:
            message = await self._message(pictures)
            pace.check(asyncio.get_running_loop().time())
            sequence, jpeg = _picture(message)
            if sequence <= self._received:
                raise _Closing(BAD_MESSAGE, "the numbers of pictures must grow")
            self._received = sequence
            pictures.put(sequence, jpeg)

    async def _message(self, pictures: PushedPictures) -> bytes:
        try:
            async with asyncio.timeout(self.limits.idle_s):
                message = await self.socket.receive()
        except TimeoutError as error:
            if pictures.taken < self._received:
                raise _Closing(GONE, "the engine takes no more pictures from here") from error
            raise _Closing(IDLE, f"no picture for {self.limits.idle_s:g} s") from error
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        return message.get("bytes") or b""

    async def _answer(self, pictures: PushedPictures, watch: Watch | None) -> None:
        """Tell of what was taken and seen; what comes while something is being sent is told together."""
        while True:
            await self._news.wait()
            self._news.clear()
            if pictures.dismissal:
                raise _Closing(GONE, pictures.dismissal)
            if pictures.refusal:
                raise _Closing(NOT_TAKEN, pictures.refusal)
            if pictures.spoiled > self._regretted:
                self._regretted = pictures.spoiled
                await self._send(type="failed", sequence=self._regretted, detail="the JPEG cannot be decoded")
            if pictures.taken > self._told:
                self._told = pictures.taken
                await self._send(type="taken", sequence=self._told)
            await self._tell_faces(pictures, watch.newest() if watch else None)

    async def _tell_faces(self, pictures: PushedPictures, shot: Shot | None) -> None:
        sequence = pictures.sequence_of(shot.tracked.frame.image) if shot else None
        if shot is None or sequence is None or sequence <= self._seen:
            return
        self._seen = sequence
        width, height = shot.tracked.frame.size
        await self._send(type="faces", sequence=sequence, width=width, height=height, faces=faces_of(shot))

    async def _send(self, **message: Any) -> None:
        try:
            async with asyncio.timeout(self.limits.answer_s):
                await self.socket.send_text(json.dumps(message, separators=(",", ":")))
        except TimeoutError as error:
            raise _Closing(IDLE, "answers are not read") from error


_BOUNDS = {"max_bytes": MAX_MESSAGE_BYTES, "max_pixels": MAX_PIXELS, "window": WINDOW}


def _picture(message: bytes) -> tuple[int, bytes]:
    """Number and JPEG of one message. Raises `_Closing`."""
    if len(message) < HEADER.size:
        raise _Closing(BAD_MESSAGE, f"a message begins with {HEADER.size} bytes: MLC1, number, time")
    magic, sequence, taken_ms = HEADER.unpack_from(message)
    if magic != MAGIC or not math.isfinite(taken_ms):
        raise _Closing(BAD_MESSAGE, f"a message begins with {HEADER.size} bytes: MLC1, number, time")
    jpeg = message[HEADER.size :]
    try:
        check_jpeg(jpeg)
    except ValueError as error:
        raise _Closing(NOT_TAKEN, str(error)) from error
    return sequence, jpeg


def camera_routes(
    cameras: BrowserCameras | None, shots: Shots | None = None, limits: Limits | None = None
) -> APIRouter:
    """The WebSocket `sources/{source_id}/camera`: without `cameras` for nobody, without `shots` told of no faces."""
    router = APIRouter(prefix="/api/v1")
    limits = limits or Limits()

    @router.websocket("/sources/{source_id}/camera")
    async def camera(socket: WebSocket, source_id: Annotated[Name, Path()]) -> None:
        if cameras is None:
            raise WebSocketException(1008)
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None)
        with suppress(WebSocketDisconnect):
            try:
                await _Conversation(socket, cameras, shots, limits).run(source_id)
            except _Closing as closing:
                await socket.close(closing.code, closing.why)

    return router
