"""A bell between threads and the event loop: the history has new rows."""

import asyncio
from contextlib import suppress
from threading import Lock


class Bell:
    """`ring` from any thread; `wait` in an event loop. Rings are not counted, only missed or not missed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rings = 0
        self._closed = False
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def rings(self) -> int:
        """A number that changes with each ring; to be read before looking for rows."""
        return self._rings

    @property
    def closed(self) -> bool:
        return self._closed

    def ring(self) -> None:
        """There may be something new."""
        with self._lock:
            self._rings += 1
            waiting, self._waiting = self._waiting, set()
        for loop, event in waiting:
            with suppress(RuntimeError):  # that loop has ended meanwhile
                loop.call_soon_threadsafe(event.set)

    def close(self) -> None:
        """Nothing more will come: whoever waits should end."""
        self._closed = True
        self.ring()

    async def wait(self, rings: int, timeout_s: float) -> bool:
        """Until it has rung since `rings` was read; False when that took longer than `timeout_s`."""
        mine = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            if self._rings != rings or self._closed:
                return True
            self._waiting.add(mine)
        try:
            await asyncio.wait_for(mine[1].wait(), timeout_s)
        except TimeoutError:
            return False
        finally:
            with self._lock:
                self._waiting.discard(mine)
        return True
