"""An engine without cameras, as a process of its own: scripted tracks into the history and out through the relay.

Run as `python -m tests.support.feeder HISTORY_URL BUS_URL RUN_ID EVENTS_A_SECOND` until SIGTERM.
"""

import signal
import sys
import threading
import time
from datetime import UTC, datetime

from engine.bus import BusConfig, open_bus
from engine.clock import SystemClock
from engine.history import History
from engine.items import EmotionEvent
from engine.relay import Relay
from engine.stages.publish import Publish
from tests.support.documents import event, status

_AT_ONCE = 10
_TRACKS = 20


def scripted(seq: int, run_id: str) -> EmotionEvent:
    """Twenty tracks at two sources take turns; every hundredth event is a source's."""
    source_id = "door" if seq % 2 else "desk"
    if seq % 100 == 0:
        return status(seq, "online", source_id=source_id, run_id=run_id)
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    label = ("happiness", "neutral", "anger")[seq // 40 % 3]
    track_id = seq % _TRACKS + 1
    return event(seq, "update", source_id=source_id, track_id=track_id, label=label, at=at, run_id=run_id)


def main(history_url: str, bus_url: str, run_id: str, rate: float) -> None:
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    history = History(history_url)
    history.open()
    history.begin_run(run_id, "load", datetime.now(UTC))
    bus = open_bus(BusConfig(url=bus_url))
    relay = Relay(history, bus, SystemClock())
    thread = threading.Thread(target=relay.run)
    thread.start()
    publish = Publish(history, relay.notify, may_wait=lambda: not stopping.is_set())
    seq, due = 0, time.monotonic()
    while not stopping.wait(max(0.0, due - time.monotonic())):
        publish.process([scripted(seq + n, run_id) for n in range(1, _AT_ONCE + 1)])
        seq, due = seq + _AT_ONCE, due + _AT_ONCE / rate
    relay.stop(10)
    thread.join()
    history.end_run()
    bus.close()
    history.close()


if __name__ == "__main__":
    main(*sys.argv[1:4], float(sys.argv[4]))
