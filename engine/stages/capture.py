"""Capture: one source's loop, which opens, reads, hands on, and comes back after an outage."""

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event, RLock

from engine.clock import Clock
from engine.errors import Cause, ChannelClosed, SourceError
from engine.items import Frame, SourceStatus
from engine.ledger import Ledger, Outcome
from engine.numbering import Numbering
from engine.redact import redact
from engine.sources.condition import Condition
from engine.sources.config import SourceConfig
from engine.sources.health import Backoff, Health, look_for
from engine.sources.picture import NO_LOSSES, Losses
from engine.sources.reader import Picture, Reader, is_lossless, open_reader
from engine.stages.mediaclock import MediaClock
from engine.status import SourceSnapshot

logger = logging.getLogger(__name__)

_TICK_S = 0.001
_WAITS = "waiting for a key frame"
_WAIT_UNTOLD_S = 2.0
"""So long a key frame may be waited for without a word."""


class Capture:
    """One source's loop: open, read, hand on, reconnect. `run` is the body of one thread.

    Live sources are opened again until `stop`; one that did not answer is looked for every 2 s and opened as soon as
    `answers` finds it. A file is read once, or looped, and then `run` returns. `emit` is called from that thread, and
    from `check` with the state `stalled`.
    `paced` plays files at their own speed; `wall_time` says that `captured_at` is now, not the recording's time.
    """

    def __init__(
        self,
        config: SourceConfig,
        emit: Callable[[Frame | SourceStatus], None],
        ledger: Ledger,
        clock: Clock,
        *,
        paced: bool,
        epoch_s: float,
        wall_time: bool | None = None,
        open_reader: Callable[[SourceConfig], Reader] = open_reader,
        answers: Callable[[SourceConfig], bool] = lambda _config: True,
        jitter: Callable[[], float] = random.random,
        indices: Numbering | None = None,
    ) -> None:
        self.failure: SourceError | None = None
        """Why a lossless source ended badly; None while it runs and when it ended well."""
        self._config = config
        self._emit = emit
        self._ledger = ledger
        self._clock = clock
        self._paced = paced
        # Records of a replay carry the times of the recording, also when it is played at its own speed.
        self._wall_time = paced if wall_time is None else wall_time
        self._epoch_s = epoch_s
        self._open_reader = open_reader
        self._answers = answers
        self._opened_s = 0.0
        self._backoff = Backoff(jitter)
        self._health = Health()
        self._condition = Condition(config)
        self._lag_s = self._last_s = 0.0
        self._stop = Event()
        # Held while a status is emitted, so that states arrive in the order in which they came about.
        self._order = RLock()
        self._lossless = is_lossless(config)
        self._indices = indices or Numbering(first=0)
        self._leaving: str | None = None
        self._media = MediaClock()
        self._started_at: datetime | None = None
        ledger.register(config.id)

    def run(self) -> None:
        """Capture until the footage ends for good, `stop` is called, or nothing takes the frames any more."""
        if self._stop.is_set():
            return
        try:
            self._tell("connecting")
            while not self._stop.is_set():
                error = self._session()
                if error is None or self._is_over(error):
                    break
            self._take_leave()
        except ChannelClosed:
            logger.debug("source %s: nobody takes its frames any more", self._config.id)

    def stop(self) -> None:
        """Make `run` return at the next opportunity, within the read timeout. Any thread may call it."""
        self._stop.set()

    def leave(self, why: str) -> None:
        """Like `stop`, for a source that ends while the run goes on: its last status is `ended`, with `why`."""
        self._leaving = why
        self._stop.set()

    def check(self) -> None:
        """Tell once when an online live source has gone silent. For a supervisor, about every 0.25 s.

        A blocked decoder cannot say that it is blocked, so arrival age is judged from outside.
        """
        if self._lossless or self._stop.is_set():
            return
        with self._order:
            now_s = self._clock.monotonic()
            if self._health.stalled(now_s, self._config.stall_after_s):
                detail = self._health.vitals(now_s).detail
                logger.warning("source %s stalled: %s", self._config.id, detail)
                try:
                    self._tell("stalled", None, detail)
                except ChannelClosed:
                    return

    def snapshot(self) -> SourceSnapshot:
        """How the source is now. Any thread may call it."""
        vitals = self._health.vitals(self._clock.monotonic())
        return SourceSnapshot(
            source_id=self._config.id,
            uri=self._config.shown,
            state=vitals.state,
            cause=vitals.cause,
            detail=vitals.detail,
            frames=self._ledger.counts(self._config.id),
            width=vitals.size[0] if vitals.size else None,
            height=vitals.size[1] if vitals.size else None,
            fps=vitals.fps,
            last_frame_age_s=vitals.last_frame_age_s,
            lag_s=vitals.lag_s,
            reconnects=vitals.reconnects,
            tracks=0,
        )

    def _session(self) -> SourceError | None:
        """From opening to the error that ends it; None when it was stopped."""
        self._opened_s = self._clock.monotonic()
        try:
            reader = self._open_reader(self._config)
        except SourceError as error:
            return error
        try:
            self._started_at = self._started_at or reader.started_at
            self._read_all(reader)
        except SourceError as error:
            return error
        finally:
            reader.close()
        return None

    def _read_all(self, reader: Reader) -> None:
        seen = False
        counted = NO_LOSSES
        while not self._stop.is_set():
            asked_s = self._clock.monotonic()
            try:
                picture = reader.read()
            finally:
                # Also when reading ends: what was lost at the very end counts.
                counted, new = reader.losses, reader.losses.since(counted)
                self._count_losses(new, seen)
            now_s = self._clock.monotonic()
            if self._leaving is not None:
                return
            # After a freeze decoders first hand out a picture from before it, as if it were new.
            if seen and not self._lossless and now_s - asked_s > self._config.stall_after_s:
                self._drop_stale(picture)
            elif picture is None:
                self._note_data(now_s, seen)
            else:
                seen = True
                self._hand_on(picture, now_s)

    def _count_losses(self, new: Losses, seen: bool) -> None:
        self._count(new.lost, Outcome.LOST)
        self._count(new.damaged, Outcome.DAMAGED)
        self._count(new.stale, Outcome.DROPPED_STALE)
        # Before its first key frame a stream has not been damaged.
        if seen and not self._lossless:
            self._condition.losses(self._clock.monotonic(), new)

    def _note_data(self, now_s: float, seen: bool) -> None:
        """Data came, and no picture that is wanted."""
        self._health.alive(now_s)
        if self._lossless:
            return
        if seen:
            self._condition.unwanted(now_s)
            self._tell_condition(now_s)
        elif now_s - self._opened_s > _WAIT_UNTOLD_S:
            with self._order:
                if self._health.waits(_WAITS):
                    logger.info("source %s: %s", self._config.id, _WAITS)
                    self._tell("connecting", None, _WAITS)

    def _tell_condition(self, now_s: float) -> None:
        """Tell how well the source delivers, where that has changed."""
        state, cause, detail = self._condition.judge()
        with self._order:
            if self._health.delivers(now_s, state, cause, detail):
                level = logging.INFO if state == "online" else logging.WARNING
                size = self._health.vitals(now_s).size
                logger.log(level, "source %s %s: %s", self._config.id, state, detail or "{}x{}".format(*size or (0, 0)))
                self._tell(state, cause, detail)

    def _drop_stale(self, picture: Picture | None) -> None:
        if picture is not None:
            self._count(1 + picture.missed, Outcome.DROPPED_STALE)
            self._count(picture.spoiled, Outcome.FAILED)

    def _count(self, pictures: int, outcome: Outcome) -> None:
        for _ in range(pictures):
            self._ledger.enter(self._config.id)
            self._ledger.settle(self._config.id, outcome)

    def _hand_on(self, picture: Picture, now_s: float) -> None:
        self._count(picture.missed, Outcome.DROPPED_STALE)
        self._count(picture.spoiled, Outcome.FAILED)
        height, width = picture.image.shape[:2]
        self._lag_s = picture.lag_s or 0.0
        self._health.picture(now_s, (width, height), picture.lag_s)
        self._condition.picture(now_s, picture.image)
        self._tell_condition(now_s)
        if self._health.state == "frozen":
            self._count(1, Outcome.DROPPED_STALE)
            return
        frame = self._frame(picture, now_s)
        if frame is None:
            return
        self._ledger.enter(self._config.id)
        try:
            self._emit(frame)
        except ChannelClosed:
            self._ledger.settle(self._config.id, Outcome.DROPPED_QUEUE)
            raise

    def _frame(self, picture: Picture, now_s: float) -> Frame | None:
        """The picture with its times; None when stopped while waiting for its moment."""
        time_s = self._last_s = self._live_s(now_s)
        if self._lossless:
            time_s = self._media.advance(picture.media_s or 0.0)
            if self._paced and not self._wait_until_due():
                return None
        return Frame(
            source_id=self._config.id,
            index=self._indices.take(self._config.id),
            time_s=time_s,
            captured_at=self._captured_at(time_s),
            image=picture.image,
            received_s=self._clock.monotonic() - self._lag_s if self._paced or not self._lossless else 0.0,
            lossless=self._lossless,
            cut=picture.cut,
            lag_s=self._lag_s,
        )

    def _live_s(self, now_s: float) -> float:
        """When what has just arrived was filmed, on the stream's clock, which does not go back."""
        return max(now_s - self._epoch_s - self._lag_s, self._last_s + _TICK_S)

    def _captured_at(self, time_s: float) -> datetime:
        if not self._lossless or self._wall_time or self._started_at is None:
            return self._clock.utc() - timedelta(seconds=self._lag_s)
        return self._started_at + timedelta(seconds=time_s)

    def _wait_until_due(self) -> bool:
        """Play a file at its own speed, from its first picture on; whether to go on."""
        wait_s = self._media.early_s(self._clock.monotonic(), self._epoch_s)
        return not (self._clock.wait(self._stop, wait_s) if wait_s > 0 else self._stop.is_set())

    def _is_over(self, error: SourceError) -> bool:
        """What follows the end of a session: another one, after a pause where that is due, or nothing."""
        if not self._lossless:
            return self._pause(error)
        if error.cause is Cause.ENDED and self._config.loop and self._media.next_loop():
            return False
        self.failure = error if error.cause is not Cause.ENDED else None
        self._lose("offline" if self._health.state == "connecting" else "ended", error)
        return True

    def _pause(self, error: SourceError) -> bool:
        """Wait before the next try; whether we were stopped meanwhile."""
        if self._stop.is_set():
            return True
        now_s = self._clock.monotonic()
        if self._health.steady(now_s):
            self._backoff.reset()
        self._lose("offline", error)
        if self._clock.wait(self._stop, self._backoff.next_s(error.cause, now_s - self._opened_s)):
            return True
        is_silent = error.cause in (Cause.REFUSED, Cause.TIMEOUT)
        return is_silent and look_for(lambda: self._answers(self._config), self._clock, self._stop)

    def _take_leave(self) -> None:
        if self._leaving is not None and self._health.state != "ended":
            with self._order:
                self._health.lost("ended", None, self._leaving)
                logger.info("source %s ended: %s", self._config.id, self._leaving)
                self._tell("ended", None, self._leaving)

    def _lose(self, state: str, error: SourceError) -> None:
        # What a library says may repeat an address.
        detail = redact(str(error))
        with self._order:
            if self._health.lost(state, error.cause, detail):
                logger.log(
                    logging.INFO if error.cause is Cause.ENDED else logging.WARNING,
                    "source %s %s (%s): %s",
                    *(self._config.id, state, error.cause, detail),
                )
                self._tell(state, error.cause, detail)

    def _tell(self, state: str, cause: Cause | None = None, detail: str = "") -> None:
        time_s = self._media.now_s if self._lossless else self._live_s(self._clock.monotonic())
        moment = self._captured_at(time_s)
        self._emit(SourceStatus(self._config.id, state, cause, detail, time_s, moment, self._lossless))
