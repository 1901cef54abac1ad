"""The routes of sources: what they are and do, and changing them while the run lasts."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response

from engine.api import models, problems
from engine.api.body import JSON, MERGE_PATCH, json_object
from engine.api.examples import NEW_SOURCE, SOURCE_CHANGE
from engine.api.query import NoQuery
from engine.errors import Refusal, SourceRefused
from engine.fields import Name
from engine.ledger import FrameCounts, Outcome
from engine.sources.browsers import SHOWN, BrowserCameras
from engine.sources.managed import ManagedSource, ManagedSources
from engine.status import EngineView, SourceSnapshot

SourceId = Annotated[Name, Path(description="The source's id.")]
_OFF = "sources cannot be changed over HTTP here; set api.sources.enabled: true in the configuration file"
_NOT_LIVE = "sources can be changed while a run is live; this one is a replay of what its configuration file names"
_OF_BROWSER = (
    "source {!r} is the camera of a browser, which sends until its page is closed; it cannot be paused or changed. "
    "DELETE ends it"
)


class Sources:
    """What the API knows of sources. `managed` is None where they are what the configuration says to the end, and
    `cameras` where browsers may not send theirs.
    """

    def __init__(
        self, view: EngineView, managed: ManagedSources | None, enabled: bool, cameras: BrowserCameras | None = None
    ) -> None:
        self._view = view
        self._managed = managed
        self._enabled = enabled
        self._cameras = cameras

    def changeable(self) -> ManagedSources:
        """Raises 403 or 409 where nothing can be changed."""
        if not self._enabled:
            raise HTTPException(403, _OFF)
        if self._managed is None:
            raise HTTPException(409, _NOT_LIVE)
        return self._managed

    def check_change(self, source_id: SourceId) -> None:
        """Raises 409 for a browser's camera, of which there is nothing to change, and what `changeable` raises."""
        if self._cameras and self._cameras.has(source_id):
            raise SourceRefused(Refusal.FROM_BROWSER, _OF_BROWSER.format(source_id))
        self.changeable()

    def remove(self, source_id: str) -> None:
        """End it. A browser's camera is ended wherever browsers may send theirs; others as `changeable` says."""
        if not (self._cameras and self._cameras.dismiss(source_id, "an operator has ended this camera")):
            self.changeable().remove(source_id)

    def listed(self) -> list[dict[str, Any]]:
        """All of them: the file's first, those of browsers last."""
        seen = self._seen()
        if self._managed is None:
            return [_told(snapshot, "file", False) for snapshot in seen.values()]
        managed = {one.config.id: one for one in self._managed.all()}
        browsers = [one for source_id, one in seen.items() if one.uri == SHOWN and source_id not in managed]
        return [
            *(self._merged(one, seen.get(source_id)) for source_id, one in managed.items()),
            *(_told(one, "browser", False) for one in browsers),
        ]

    def one(self, source_id: str) -> dict[str, Any]:
        """Raises 404 where there is none."""
        for found in self.listed():
            if found["source_id"] == source_id:
                return found
        raise HTTPException(404, f"source {source_id} is not known")

    def detail(self, source: ManagedSource) -> dict[str, Any]:
        """`source` as it is now."""
        return self._merged(source, self._seen().get(source.config.id))

    def _seen(self) -> dict[str, SourceSnapshot]:
        return {snapshot.source_id: snapshot for snapshot in self._view.status().sources}

    def _merged(self, source: ManagedSource, snapshot: SourceSnapshot | None) -> dict[str, Any]:
        config = source.config
        snapshot = replace(snapshot or _unseen(source), uri=config.shown)
        return {**_told(snapshot, source.origin, source.paused), "settings": config}


def _told(snapshot: SourceSnapshot, origin: str, paused: bool) -> dict[str, Any]:
    shown = {name: getattr(snapshot, name) for name in models.Source.model_fields}
    return {**shown, "origin": origin, "paused": paused, "settings": None}


def _unseen(source: ManagedSource) -> SourceSnapshot:
    """Of one that has only just been added, or that was paused before this run began."""
    return SourceSnapshot(
        source_id=source.config.id,
        uri=source.config.shown,
        state="paused" if source.paused else "connecting",
        cause=None,
        detail="",
        frames=FrameCounts(0, 0, dict.fromkeys(Outcome, 0)),
        width=None,
        height=None,
        fps=0.0,
        last_frame_age_s=None,
        lag_s=None,
        reconnects=0,
        tracks=0,
    )


async def new_source(request: Request) -> dict[str, Any]:
    """The body of a request to add or test one."""
    return await json_object(request)


async def _source_change(request: Request) -> dict[str, Any]:
    return await json_object(request, (JSON, MERGE_PATCH))


def body_of(schema: str, example: Any) -> dict[str, Any]:
    """One kind of body alone: generators make clients that do not run from a choice of two."""
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}
    return {"requestBody": {"required": True, "content": {JSON: content}}}


def source_routes(known: Sources) -> APIRouter:
    """`sources` and `sources/{source_id}`. Changes wait for the database and the resolver, so they run in threads."""
    router = APIRouter(prefix="/api/v1", responses=problems.responses(400, 401, 403, 422, 429, 503))

    @router.get("/sources", response_model=models.Sources, summary="Sources and their frame counts")
    def sources(_query: Annotated[NoQuery, Query()]) -> Any:
        return {"items": known.listed()}

    @router.get(
        "/sources/{source_id}",
        response_model=models.SourceDetail,
        summary="One source: how it is, and its settings",
        responses=problems.responses(404),
    )
    def source(source_id: SourceId, _query: Annotated[NoQuery, Query()]) -> Any:
        return known.one(source_id)

    _add_changes(router, known)
    return router


def _add_changes(router: APIRouter, known: Sources) -> None:
    @router.post(
        "/sources",
        status_code=201,
        response_model=models.SourceDetail,
        summary="Add a source; it is read from now on, and after each start",
        responses=problems.responses(409, 411, 413, 415),
        dependencies=[Depends(known.changeable)],
        openapi_extra=body_of("NewSource", NEW_SOURCE),
    )
    def add_source(
        raw: Annotated[dict[str, Any], Depends(new_source)], _query: Annotated[NoQuery, Query()], response: Response
    ) -> Any:
        """Takes the keys of `sources` in the configuration file, and `paused`. Needs the scope `operate`."""
        made = known.changeable().add(raw)
        response.headers["Location"] = f"/api/v1/sources/{made.config.id}"
        return known.detail(made)

    @router.patch(
        "/sources/{source_id}",
        response_model=models.SourceDetail,
        summary="Change or pause a source; null stands for the default",
        responses=problems.responses(404, 409, 411, 413, 415),
        dependencies=[Depends(known.check_change)],
        openapi_extra=body_of("SourceChange", SOURCE_CHANGE),
    )
    def change_source(
        source_id: SourceId,
        raw: Annotated[dict[str, Any], Depends(_source_change)],
        _query: Annotated[NoQuery, Query()],
    ) -> Any:
        """JSON merge patch, sent as application/json or application/merge-patch+json. Of a source of the configuration
        file only `paused`. Needs the scope `operate`.
        """
        return known.detail(known.changeable().change(source_id, raw))

    @router.delete(
        "/sources/{source_id}",
        status_code=204,
        summary="Remove a source that was added over HTTP, or end a browser's camera",
        responses=problems.responses(404, 409),
    )
    def remove_source(source_id: SourceId, _query: Annotated[NoQuery, Query()]) -> None:
        """Its events stay in the history. A browser is told, and its page does not begin again by itself. Needs the
        scope `operate`.
        """
        known.remove(source_id)
