"""The types of all that leaves the engine over the bus; the JSON Schemas and the AsyncAPI document are made of them.

At run time they are plain dicts, exactly as they were sent. For a type checker `event["type"]` tells them apart.
"""

from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from engine.fields import Field, closed

_ULID = r"^[0-9A-HJKMNP-TV-Z]{26}$"
_NAME = r"^[A-Za-z0-9_-]{1,64}$"

Unit = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Schema = Literal["1.0"]
EventId = Annotated[str, Field(pattern=_ULID, description="Unique for ever; a consumer drops repeats by it.")]
RunId = Annotated[str, Field(min_length=1, max_length=64)]
Seq = Annotated[int, Field(ge=1, description="Counts without gaps within a run.")]
SourceId = Annotated[str, Field(pattern=_NAME)]
TrackUid = Annotated[str, Field(pattern=_ULID)]
DateTime = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
StreamTime = Annotated[float, Field(ge=0, description="The stream's own clock, in seconds.")]
State = Literal["connecting", "online", "degraded", "frozen", "stalled", "offline", "ended"]
ShownState = Literal["connecting", "online", "degraded", "frozen", "stalled", "offline", "ended", "paused"]
"""A source that is paused has ended, as events tell it."""
Cause = Literal[
    "auth", "not_found", "refused", "busy", "server_error", "timeout", "lost", "lag", "damaged", "codec", "ended"
]
Reason = Literal["undecided", "faded", "unreadable", "unseen"]
Gate = Literal["small", "blurred", "profile", "dark", "low_score", "cut"]


@closed
class Bbox(TypedDict):
    """Whole pixels of the frame."""

    x: Annotated[int, Field(ge=0)]
    y: Annotated[int, Field(ge=0)]
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]


@closed
class FrameSize(TypedDict):
    """In pixels."""

    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]


@closed
class Emotion(TypedDict):
    """What a track shows."""

    label: Annotated[str | None, Field(description="Null where nothing is said of the face.")]
    confidence: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="The label's score; in `before` its score when it last led. With a null label the best score.",
        ),
    ]
    dwell_s: Annotated[
        float, Field(ge=0, description="How long the label has held, in seconds, from when its evidence began.")
    ]


@closed
class ScoredEmotion(Emotion):
    """What a track shows now."""

    scores: Annotated[dict[str, Unit], Field(description="Empty where the face cannot be read.")]
    reason: NotRequired[
        Annotated[
            Reason,
            Field(
                description="Why the label is null. undecided: too little evidence. faded: what it showed is gone. "
                "unreadable: no chip was good enough for a while, `gated` says why. unseen: not found for a while."
            ),
        ]
    ]


@closed
class ModelName(TypedDict):
    """The classifier."""

    name: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@closed
class TrackEvent(TypedDict):
    """Something happened to a track."""

    schema: Schema
    type: Literal["new", "emotion_changed", "update", "end"]
    event_id: EventId
    run_id: RunId
    seq: Seq
    source_id: SourceId
    time_s: StreamTime
    captured_at: DateTime
    published_at: Annotated[DateTime | None, Field(description="Null in replay, where it would have no meaning.")]
    track_id: Annotated[int, Field(ge=1)]
    track_uid: TrackUid
    frame_index: Annotated[int, Field(ge=0)]
    age_s: NonNegative
    bbox: Bbox
    frame: FrameSize
    since_s: NotRequired[
        Annotated[
            float,
            Field(ge=0, description="Of emotion_changed: the stream time at which the evidence for it began."),
        ]
    ]
    before: Emotion | None
    after: ScoredEmotion | None
    quality: Unit | None
    gated: list[Gate]
    aligned: Annotated[
        bool | None,
        Field(description="False where the detector gave no landmarks: the chip was a plain box crop."),
    ]
    model: ModelName
    latency_ms: Annotated[int, Field(ge=0)] | None


@closed
class SourceEvent(TypedDict):
    """A source changed its state."""

    schema: Schema
    type: Literal["status"]
    event_id: EventId
    run_id: RunId
    seq: Seq
    source_id: SourceId
    time_s: StreamTime
    captured_at: DateTime
    published_at: Annotated[DateTime | None, Field(description="Null in replay, where it would have no meaning.")]
    track_id: None
    track_uid: None
    state: State
    cause: Cause | None
    detail: str


@closed
class Gap(TypedDict):
    """On the bus only: stands for events of a run that the history lost before the bus could have them."""

    schema: Schema
    type: Literal["gap"]
    event_id: EventId
    run_id: RunId
    seq: Annotated[int, Field(ge=1, description="The number of the last event that is missing.")]
    first_seq: Annotated[int, Field(ge=1, description="The number of the first.")]
    count: Annotated[int, Field(ge=1)]
    published_at: DateTime


@closed
class Heartbeat(TypedDict):
    """The value of `<prefix>:engine:<run_id>`."""

    run_id: RunId
    at: DateTime
    events_sent: Annotated[int, Field(ge=0)]


@closed
class SourceState(TypedDict):
    """The value of `<prefix>:source:<source_id>`."""

    source_id: SourceId
    state: ShownState
    cause: Cause | None
    fps: NonNegative
    run_id: RunId
    at: DateTime


Event = TrackEvent | SourceEvent
Message = TrackEvent | SourceEvent | Gap
