"""Who watches which source, in the event loop: each picture is made once for all who want it alike."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from engine.api.seats import Full, Seats
from engine.preview import Look, Rendered, Shot, Shots, Watch, render

MAX_VIEWERS = 32
"""Connections, however many sources each watches."""
MAX_LOOKS = 128
"""Pictures that are made side by side and kept: of so many sources in one look, or of fewer in several."""
_WIDE = 1280
_WIDE_COSTS = 4
"""A picture wider than `_WIDE`, or as wide as its frame, counts for so many: memory and time go with its pixels."""


class TooManyViewers(Exception):
    """There is no room for another one; the text says why."""


class _Signal:
    """Wakes all who wait in one event loop; `ring` from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Future[None] = self._loop.create_future()

    def ring(self) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        rung, self._next = self._next, self._loop.create_future()
        rung.set_result(None)

    async def wait(self, timeout_s: float) -> None:
        await asyncio.wait([self._next], timeout=timeout_s)


@dataclass
class _Room:
    """One watched source: the newest picture in each look that somebody wants."""

    watch: Watch
    signal: _Signal
    closing: ExitStack
    wanted: dict[Look, int] = field(default_factory=dict)
    made: dict[Look, tuple[Shot, asyncio.Future[Rendered]]] = field(default_factory=dict)


class Viewing:
    """All viewers of one API. One event loop; pictures are made in a thread that is there while somebody watches."""

    def __init__(self, shots: Shots, limit: int = MAX_VIEWERS, looks: int = MAX_LOOKS) -> None:
        self.shots = shots
        self.looks = looks
        self._seats = Seats(limit)
        self._rooms: dict[str, _Room] = {}
        self._pool: ThreadPoolExecutor | None = None

    @contextmanager
    def enter(self, source_id: str, look: Look) -> Iterator["Viewer"]:
        """Watch one source, as `enter_all` does several."""
        with self.enter_all([source_id], look) as viewers:
            yield viewers[source_id]

    @contextmanager
    def enter_all(self, source_ids: Sequence[str], look: Look) -> Iterator[Mapping[str, "Viewer"]]:
        """Watch sources over one connection, which counts as one viewer. Leaving frees all that nobody else needs.

        Raises:
            TooManyViewers: `limit` are watching already, or more pictures would have to be made than `looks`.
        """
        with self._seat():
            self._check(source_ids, look)
            rooms = {name: self._rooms.get(name) or self._open(name) for name in source_ids}
            for room in rooms.values():
                room.wanted[look] = room.wanted.get(look, 0) + 1
            try:
                yield {name: Viewer(self, room, look) for name, room in rooms.items()}
            finally:
                for room in rooms.values():
                    self._leave(room, look)

    @contextmanager
    def _seat(self) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                stack.enter_context(self._seats.one())
            except Full as error:
                raise TooManyViewers(f"{self._seats.limit} viewers are watching already") from error
            yield

    def _check(self, source_ids: Sequence[str], look: Look) -> None:
        made = sum(_cost(other) for room in self._rooms.values() for other in room.wanted)
        # What is made for others anyway costs nothing more.
        new = [name for name in source_ids if name not in self._rooms or look not in self._rooms[name].wanted]
        if made + len(new) * _cost(look) > self.looks:
            raise TooManyViewers(
                f"more pictures would have to be made than {self.looks} side by side (those wider than {_WIDE} count "
                f"{_WIDE_COSTS}); ask for fewer sources, or for a width, quality and blur that others ask for"
            )

    @property
    def viewers(self) -> int:
        """How many watch now."""
        return self._seats.taken

    def _open(self, source_id: str) -> _Room:
        signal, closing = _Signal(), ExitStack()
        watch = closing.enter_context(self.shots.watch(source_id, signal.ring))
        room = self._rooms[source_id] = _Room(watch, signal, closing)
        return room

    def _leave(self, room: _Room, look: Look) -> None:
        room.wanted[look] -= 1
        if not room.wanted[look]:
            del room.wanted[look]
            room.made.pop(look, None)
        if not room.wanted:
            del self._rooms[room.watch.source_id]
            room.closing.close()
        if not self._rooms and self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    async def picture(self, room: _Room, shot: Shot, look: Look) -> Rendered:
        """The shot in this look, from whoever asked for it first."""
        last, future = room.made.get(look, (None, None))
        if last is not shot or future is None:
            if self._pool is None:
                # One thread bounds what viewers can take. No low priority: asleep with the GIL it would hold up all.
                self._pool = ThreadPoolExecutor(1, "preview")
            future = asyncio.get_running_loop().run_in_executor(self._pool, render, shot, look)
            room.made[look] = (shot, future)
        # One of those who wait for it may leave; it is made for the others.
        return await asyncio.shield(future)


class Viewer:
    """One who watches. Is told of the newest picture, never of one that has waited."""

    def __init__(self, viewing: Viewing, room: _Room, look: Look) -> None:
        self._viewing = viewing
        self._room = room
        self._look = look
        # What was there before may be from before an outage.
        newest = room.watch.newest(look.blur)
        self._seen = newest.number if newest else 0
        self._due_s = _now_s()

    @property
    def closed(self) -> bool:
        """No picture will come any more."""
        return self._viewing.shots.closed

    async def next(self, timeout_s: float) -> Rendered | None:
        """The next picture, of a frame newer than all before; None when none came in time, or all is over."""
        until_s = _now_s() + timeout_s
        while not self.closed:
            shot = self._room.watch.newest(self._look.blur)
            if shot and shot.number > self._seen:
                self._seen = shot.number
                return await self._viewing.picture(self._room, shot, self._look)
            if (left_s := until_s - _now_s()) <= 0:
                return None
            await self._room.signal.wait(left_s)
        return None

    async def rest(self, period_s: float) -> None:
        """Let pictures pass until one is due again, `period_s` after the one before; or until all is over."""
        self._due_s = max(self._due_s + period_s, _now_s())
        while not self.closed and (left_s := self._due_s - _now_s()) > 0:
            await self._room.signal.wait(left_s)


def _cost(look: Look) -> int:
    return 1 if look.width is not None and look.width <= _WIDE else _WIDE_COSTS


def _now_s() -> float:
    return asyncio.get_running_loop().time()
