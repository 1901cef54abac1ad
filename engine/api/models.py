"""What the API answers: the snapshots and records of the engine, as JSON."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from engine.clock import rfc3339
from engine.datarights import Commercial, Use

Moment = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    Field(description="RFC 3339 in UTC."),
]


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Frames(_View):
    """`captured` is the sum of `outcomes`; frames in flight are not captured yet."""

    captured: int
    in_flight: int
    outcomes: dict[str, int]


class Source(_View):
    source_id: str
    uri: str = Field(description="Without credentials.")
    state: str
    cause: str | None
    detail: str
    frames: Frames
    width: int | None
    height: int | None
    fps: float
    last_frame_age_s: float | None
    lag_s: float | None = Field(description="How old frames are when they arrive; null where that is not known.")
    reconnects: int
    tracks: int


class ListedSource(Source):
    origin: Literal["file", "api", "browser"] = Field(
        description="Where it is from: the configuration file, this API, or a browser that sends its camera."
    )
    paused: bool


class Sources(_View):
    items: list[ListedSource]


class SourceSettings(_View):
    """The keys of the configuration file, without the address."""

    fps: float | None
    transport: str
    open_timeout_s: float
    read_timeout_s: float
    stall_after_s: float
    max_lag_s: float
    frozen_after_s: float
    loop: bool
    rotate: int
    mirror: bool
    max_pixels: int


class SourceDetail(ListedSource):
    settings: SourceSettings | None = Field(description="Null where sources cannot be changed.")


class Model(_View):
    stage: str
    name: str
    version: str
    sha256: str
    device: str
    commercial: Commercial = Field(
        description="Whether the terms of the data behind the model allow commercial use: no more than the strictest "
        "of its sources. `unknown` where its card does not say."
    )


class DataSource(_View):
    """One set of data, or one teacher, that a model was made from or measured on."""

    name: str
    use: Use
    terms: str
    commercial: Commercial
    url: str = Field(description="Address of the source; empty if none is known.")


class Card(_View):
    """What is known of a model; `metrics` and `data` are as its trainer wrote them."""

    task: str
    licence: str
    labels: list[str]
    layout: str
    alignment: str | None
    temperature: float
    input: dict[str, Any]
    metrics: dict[str, Any]
    data: dict[str, Any]
    limits: list[str] = Field(
        description="Where the model is known to fail, in sentences; empty where nobody wrote any."
    )
    data_rights: list[DataSource] = Field(description="On whose data it was made; empty where that is unknown.")


class ModelWithCard(Model):
    card: Card | None = Field(description="Null for a model without one, such as a Haar cascade.")
    report: bool = Field(description="Whether `models/{name}/report` has a page on it.")


class Cards(_View):
    items: list[ModelWithCard]


class Session(_View):
    name: str = Field(description="The name of the run's configuration.")
    version: str
    tokens: bool = Field(description="Whether requests need a token.")
    scopes: list[str] = Field(description="What the caller may do: `read`, `operate`.")
    aggregate_only: bool
    bucket_s: int | None = Field(description="The one width of buckets that is told; null where any is.")
    thumbnails: bool = Field(description="Whether tracks have thumbnails.")
    browser_cameras: bool = Field(description="Whether browsers may send their cameras to the engine.")
    sources: bool = Field(description="Whether sources can be changed over HTTP.")
    docs: bool = Field(description="Whether there is a page of documentation.")


class ChannelState(_View):
    put: int
    taken: int
    dropped: int
    depth: int
    lanes: int


class Sink(_View):
    url: str = Field(description="Without credentials.")
    state: str
    detail: str
    pending: int
    cause: str | None = Field(default=None, description="Why it is down, in one word.")
    lost: int = Field(default=0, description="Events gone before they could be broadcast.")


class StuckStage(_View):
    stage: str
    for_s: float = Field(description="How long its call has not returned, in seconds.")


class Status(_View):
    run_id: str
    name: str
    version: str
    state: str
    started_at: Moment
    uptime_s: float
    ready: bool
    sources: list[Source]
    models: list[Model]
    channels: dict[str, ChannelState]
    events: dict[str, int] = Field(description="Published events by type.")
    chips: dict[str, int] = Field(description="Face chips by what became of them.")
    history: Sink
    bus: Sink
    stuck: list[StuckStage] = Field(
        default=[], description="Stages whose call does not return, the longest first; the run is not ready then."
    )
    removed: Frames = Field(
        default=Frames(captured=0, in_flight=0, outcomes={}),
        description="Of all sources that have been removed meanwhile, together.",
    )
    rejected_tracks: int = Field(default=0, description="Tracks that were never told, since they are no faces.")


class Track(_View):
    track_uid: str
    run_id: str
    source_id: str
    track_id: int
    first_seen: Moment
    last_seen: Moment
    duration_s: float
    label: str | None
    confidence: float | None
    state: str
    events: int


class Tracks(_View):
    items: list[Track]
    next_cursor: str | None


class Events(_View):
    items: list[dict[str, Any]] = Field(description="Event documents, exactly as they are broadcast.")
    next_cursor: str | None


class Sample(_View):
    at: Moment
    label: str | None
    confidence: float
    scores: dict[str, float]


class Timeline(_View):
    items: list[Sample]
    next_cursor: str | None


class Bucket(_View):
    start: Moment
    source_id: str | None = Field(description="Null where sources are taken together.")
    label: str | None = Field(description="Null where no emotion was clear.")
    seconds: int = Field(description="Face time: two faces in one second count two.")
    share: float = Field(description="The part of all face time of that source and bucket, 0 to 1.")
    tracks: int = Field(description="Faces, each once.")


class Stats(_View):
    start: Moment = Field(serialization_alias="from")
    end: Moment = Field(serialization_alias="to")
    bucket_s: int
    items: list[Bucket] = Field(description="By time, source and label; without buckets that no face was seen in.")


class Erased(_View):
    events: int
    samples: int
    stream: int | None = Field(
        default=None,
        description="Entries taken out of the Redis stream; null while the bus takes nothing: it happens when it does.",
    )
