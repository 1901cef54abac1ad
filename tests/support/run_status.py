"""A run's status made by hand, and a view that shows it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from engine.channel import ChannelStats
from engine.ledger import FrameCounts, Outcome
from engine.status import ModelSnapshot, RunStatus, SinkSnapshot, SourceSnapshot


def source(source_id: str = "door", state: str = "online", **changes: Any) -> SourceSnapshot:
    """A source of which 100 frames were captured and 2 are in flight."""
    outcomes = dict(zip(Outcome, (60, 20, 5, 4, 5, 2, 3, 1), strict=True))
    made = SourceSnapshot(
        source_id=source_id,
        uri="rtsp://***@10.0.0.7/live",
        state=state,
        cause=None if state == "online" else "timeout",
        detail="",
        frames=FrameCounts(100, 2, outcomes),
        width=1280,
        height=720,
        fps=14.8,
        last_frame_age_s=0.04,
        lag_s=0.03,
        reconnects=3,
        tracks=2,
    )
    return replace(made, **changes)


def run_status(**changes: Any) -> RunStatus:
    """A run with two sources; one of them has not delivered yet."""
    nothing = FrameCounts(0, 0, dict.fromkeys(Outcome, 0))
    made = RunStatus(
        run_id="01KAXW3E8M0000000000000000",
        name="lobby",
        version="0.1.0",
        state="running",
        started_at=datetime(2026, 11, 22, 10, 20, 30, 81_000, UTC),
        uptime_s=12.5,
        ready=True,
        sources=(source(), source("desk", "offline", frames=nothing, last_frame_age_s=None, lag_s=None)),
        models=(ModelSnapshot("classify", "emotion-fer", "1.0", "ab" * 32, "cpu"),),
        channels={"frames": ChannelStats(10, 7, 2, 1, 2)},
        events={"new": 4, "end": 1},
        chips={"classified": 9, "gated": 2, "dropped_queue": 1},
        history=SinkSnapshot("sqlite:///moodline.db", "ok", "", 0),
        bus=SinkSnapshot("redis://***@h", "down", "Redis cannot be reached", 7),
        rejected_tracks=6,
    )
    return replace(made, **changes)


class FixedView:
    """Shows `shown`, which may be exchanged; an exception is raised instead."""

    def __init__(self, shown: RunStatus | Exception | None = None) -> None:
        self.shown = shown or run_status()

    def status(self) -> RunStatus:
        if isinstance(self.shown, Exception):
            raise self.shown
        return self.shown
