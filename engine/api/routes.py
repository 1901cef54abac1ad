"""The routes under `/api/v1`. Handlers are plain functions: the database blocks, so they run in threads."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query

from engine.api import models, problems
from engine.api.config import ApiConfig
from engine.api.privacy import PrivacyConfig, whole_buckets
from engine.api.query import EventQuery, NoQuery, PageQuery, StatsQuery, TrackQuery
from engine.api.session import add_session
from engine.api.stream import Streams, add_stream
from engine.api.thumbnails import add_thumbnails
from engine.clock import Clock
from engine.erasing import Erasing
from engine.fields import Name
from engine.history import EmotionBucket, EventFilter, History, Page
from engine.ids import fingerprint
from engine.items import EmotionEvent
from engine.preview import Thumbnails
from engine.status import EngineView

ERASE_WAIT_S = 3.0
"""How long an answer waits for the bus to forget a track, too."""
TrackUid = Annotated[Name, Path(description="The track's ULID.")]


def api_routes(
    view: EngineView,
    history: History,
    streams: Streams,
    clock: Clock,
    config: ApiConfig,
    privacy: PrivacyConfig,
    thumbnails: Thumbnails | None = None,
    erasing: Erasing | None = None,
) -> APIRouter:
    """Everything under `/api/v1`. Without `erasing` a track is erased from the history and `thumbnails` alone."""
    router = APIRouter(prefix="/api/v1", responses=problems.responses(400, 401, 403, 422, 429, 503))
    add_session(router, view, config, privacy)
    _add_run(router, view)
    _add_tracks(router, history)
    _add_erasing(router, history, thumbnails, erasing)
    add_thumbnails(router, thumbnails)
    _add_events(router, history, clock, privacy)
    add_stream(router, streams)
    return router


def _add_events(router: APIRouter, history: History, clock: Clock, privacy: PrivacyConfig) -> None:
    @router.get("/events", response_model=models.Events, summary="Events, newest first")
    def events(query: Annotated[EventQuery, Query()]) -> Any:
        return _documents(history.events(query.event_filter(), query.limit, query.cursor))

    @router.get("/stats/emotions", response_model=models.Stats, summary="How much of each emotion, in buckets of time")
    def stats(query: Annotated[StatsQuery, Query()]) -> Any:
        now = clock.utc()
        if privacy.aggregate_only:
            wanted = whole_buckets(query, now, privacy)
            found: Iterable[EmotionBucket] = history.stats_of_many(wanted, privacy.k)
        else:
            wanted = query.stats_filter(now)
            found = history.stats(wanted, query.by_source)
        items = [bucket for bucket in found if query.label in (None, bucket.label)]
        return {"start": wanted.start, "end": wanted.end, "bucket_s": wanted.bucket_s, "items": items}


def _add_run(router: APIRouter, view: EngineView) -> None:
    @router.get("/status", response_model=models.Status, summary="The whole run")
    def status(_query: Annotated[NoQuery, Query()]) -> Any:
        return view.status()


def _add_tracks(router: APIRouter, history: History) -> None:
    @router.get("/tracks", response_model=models.Tracks, summary="Tracks, the most recently begun first")
    def tracks(query: Annotated[TrackQuery, Query()]) -> Any:
        return history.tracks(query.track_filter(), query.limit, query.cursor)

    @router.get(
        "/tracks/{track_uid}", response_model=models.Track, summary="One track", responses=problems.responses(404)
    )
    def track(track_uid: TrackUid, _query: Annotated[NoQuery, Query()]) -> Any:
        return _known_track(track_uid)

    @router.get(
        "/tracks/{track_uid}/history",
        response_model=models.Events,
        summary="Everything that happened to one track, oldest first",
        responses=problems.responses(404),
    )
    def track_history(track_uid: TrackUid, query: Annotated[PageQuery, Query()]) -> Any:
        _known_track(track_uid)
        wanted = EventFilter(track_uid=track_uid)
        return _documents(history.events(wanted, query.limit, query.cursor, oldest_first=True))

    @router.get(
        "/tracks/{track_uid}/timeline",
        response_model=models.Timeline,
        summary="What one track showed, second by second, oldest first",
        responses=problems.responses(404),
    )
    def timeline(track_uid: TrackUid, query: Annotated[PageQuery, Query()]) -> Any:
        _known_track(track_uid)
        return history.timeline(track_uid, query.limit, query.cursor)

    def _known_track(track_uid: str) -> Any:
        return _known(history, track_uid)


def _add_erasing(router: APIRouter, history: History, thumbnails: Thumbnails | None, erasing: Erasing | None) -> None:
    @router.delete(
        "/tracks/{track_uid}",
        response_model=models.Erased,
        summary="Erase one track: its events, samples, record and thumbnail, and its entries in the Redis stream",
        responses=problems.responses(404),
    )
    def erase(track_uid: TrackUid, _query: Annotated[NoQuery, Query()]) -> Any:
        """Of a face that is still in view, what comes after this is kept again. Needs the scope `operate`."""
        _known(history, track_uid)
        if erasing:
            return erasing.erase(track_uid, ERASE_WAIT_S)
        if thumbnails:
            thumbnails.forget(fingerprint(track_uid))
        return history.erase(track_uid)


def _known(history: History, track_uid: str) -> Any:
    found = history.track(track_uid)
    if found is None:
        raise HTTPException(404, f"track {track_uid} is not known")
    return found


def _documents(page: Page[EmotionEvent]) -> dict[str, Any]:
    return {"items": [event.document for event in page.items], "next_cursor": page.next_cursor}
