"""Parquet by pyarrow: one row for each event, the columns one asks for first, and the whole document."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine import jsontext
from engine.items import EmotionEvent

_MOMENT = pa.timestamp("ms", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("source_id", pa.string(), nullable=False),
        pa.field("track_uid", pa.string()),
        pa.field("captured_at", _MOMENT, nullable=False),
        pa.field("time_s", pa.float64(), nullable=False),
        pa.field("age_s", pa.float64()),
        pa.field("label", pa.string()),
        pa.field("confidence", pa.float64()),
        pa.field("label_before", pa.string()),
        pa.field("quality", pa.float64()),
        pa.field("state", pa.string()),
        pa.field("payload", pa.string(), nullable=False),
    ]
)


@contextmanager
def writer(path: Path) -> Iterator[Callable[[Sequence[EmotionEvent]], None]]:
    """A Parquet file, complete when the block ends."""
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as file:

        def write(events: Sequence[EmotionEvent]) -> None:
            if events:
                file.write_table(pa.Table.from_pylist([_row(event) for event in events], schema=SCHEMA))

        yield write


def _row(event: EmotionEvent) -> dict[str, Any]:
    document = event.document
    after, before = document.get("after") or {}, document.get("before") or {}
    return {
        **{name: document.get(name) for name in ("event_id", "run_id", "seq", "type", "source_id", "track_uid")},
        **{name: document.get(name) for name in ("time_s", "age_s", "quality", "state")},
        "captured_at": datetime.fromisoformat(document["captured_at"]),
        "label": after.get("label"),
        "confidence": after.get("confidence"),
        "label_before": before.get("label"),
        "payload": jsontext.dumps(document).decode(),
    }
