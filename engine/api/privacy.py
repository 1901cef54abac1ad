"""The section `privacy:`; and aggregates only: answers that stand for several faces, never for one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from engine.api.query import BadRange, StatsQuery
from engine.fields import Field, Positive, Unit, settings
from engine.history import StatsFilter

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_SINGLE = ("/api/v1/tracks", "/api/v1/events")
_SOURCES, _PICTURES = "/api/v1/sources/", ("/snapshot.jpg", "/preview.mjpeg")
_LONGEST_MISSING_S = 10.0
_SETTLED_S = 10.0
"""After this time nothing is added to a bucket any more."""


@settings
class PrivacyConfig:
    """With `aggregate_only` the API tells only of emotions of at least `k` faces that were in view together."""

    blur_preview: bool = False
    """Blur every face in every picture that is shown, whoever asks for it."""
    blur_score: Unit = 0.2
    """Where pictures are blurred, whatever the detector scores this high is hidden, tracked or not."""
    thumbnails: bool = False
    """Keep one small picture of each face in memory, for an hour."""
    rotate_track_ids: Annotated[float, Field(ge=10, le=86_400, allow_inf_nan=False)] | None = None
    """No track id lasts longer than so many seconds of stream time."""
    retention_days: Positive | None = None
    """An upper bound to `history.retention_days`."""
    aggregate_only: bool = False
    k: Annotated[int, Field(ge=5, le=1000)] = 5
    bucket_s: Annotated[int, Field(ge=60, le=86_400)] = 3600
    """The one width of bucket that is answered for: from two widths one could subtract."""

    def contradictions(self, bus_url: str, max_missing_s: float) -> Iterator[str]:
        """What is set here and cannot be kept beside the rest, one line each."""
        for hidden in ("blur_preview", "aggregate_only"):
            if self.thumbnails and getattr(self, hidden):
                yield f"privacy.thumbnails: shows faces that privacy.{hidden} hides; leave one of the two out"
        if not self.aggregate_only:
            return
        if not bus_url.startswith("memory://"):
            yield (
                "privacy.aggregate_only: events of single tracks would leave through bus.url; "
                "set bus.url: memory://, or leave aggregate_only out"
            )
        if self.rotate_track_ids is not None and self.rotate_track_ids < self.bucket_s:
            yield (
                f"privacy.rotate_track_ids: {self.rotate_track_ids:g} makes several tracks of one person within "
                f"privacy.bucket_s ({self.bucket_s}); leave it out, no id is told anyway, or set it to {self.bucket_s}"
            )
        if max_missing_s > _LONGEST_MISSING_S:
            yield (
                f"stages.track.max_missing_s: with {max_missing_s:g} one person may be several tracks at a time, which "
                f"privacy.aggregate_only must not count; set it to {_LONGEST_MISSING_S:g} at most"
            )


class AggregateGate:
    """Answers for no single track or event, and shows no picture, whoever asks."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        from engine.api.problems import problem  # FastAPI: too much for those who only want the settings

        refusal = None
        if scope["type"] == "http" and _tells_of_single_ones(scope["path"]):
            refusal = problem(403, "privacy.aggregate_only is set: ask for stats/emotions")
        await (refusal or self._app)(scope, receive, send)


def _tells_of_single_ones(path: str) -> bool:
    return path.startswith(_SINGLE) or (path.startswith(_SOURCES) and path.rstrip("/").endswith(_PICTURES))


def whole_buckets(query: StatsQuery, now: datetime, privacy: PrivacyConfig) -> StatsFilter:
    """What is asked for, in whole buckets that are over.

    Raises:
        BadRange: it is asked in a way that would let single faces be told apart.
    """
    width = timedelta(seconds=privacy.bucket_s)
    if query.bucket_s != privacy.bucket_s and "bucket_s" in query.model_fields_set:
        raise BadRange(f"bucket_s: is {privacy.bucket_s} here, as privacy.bucket_s says")
    if not query.by_source:
        raise BadRange("by_source: sums over sources are not told, since differences to their parts would be")
    over = now - timedelta(seconds=_SETTLED_S)
    end = _floor(min(query.end or over, over), width)
    start = _floor(query.start + width - timedelta(microseconds=1), width) if query.start else end - 24 * width
    asked = query.model_copy(update={"start": min(start, end), "end": end, "bucket_s": privacy.bucket_s})
    return asked.stats_filter(now)


def _floor(moment: datetime, width: timedelta) -> datetime:
    return moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % width
