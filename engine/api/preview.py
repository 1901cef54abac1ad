"""`sources/{id}/snapshot.jpg` and `preview.mjpeg`: what a camera sees right now."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from engine.api import problems
from engine.api.privacy import PrivacyConfig
from engine.api.query import DECIMAL, WHOLE, NoQuery
from engine.api.viewing import TooManyViewers, Viewer, Viewing
from engine.fields import Name
from engine.preview import Look, Rendered
from engine.status import EngineView, SourceSnapshot

SourceId = Annotated[Name, Path(description="The source's id.")]

BOUNDARY = b"frame"
STREAM = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
_GONE = 2
"""So many looks in a row must miss a source: one that is changed is away for a moment."""
_LONGEST_WAIT_S = 20.0
_SILENT = ("offline", "stalled", "frozen", "paused", "ended")
_HEADERS = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in (
        ("X-Frame-Index", "The frame's number, as in events."),
        ("X-Time", "The frame's time on the stream's clock, in seconds."),
        ("X-Captured-At", "When it was captured, RFC 3339."),
        ("X-Frame-Size", "Width and height of the frame, such as 1280x720; boxes count in its pixels."),
        ("X-Latency-Ms", "From the frame's arrival to this picture of it, in milliseconds; none for recordings."),
        ("X-Faces", "The tracks on this very frame and what each shows, a JSON list."),
    )
}
EXAMPLE = (
    "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 61034\r\nX-Frame-Index: 9021\r\nX-Time: 301.400\r\n"
    "X-Captured-At: 2026-11-22T10:20:30.081Z\r\nX-Frame-Size: 1280x720\r\nX-Latency-Ms: 64\r\n"
    'X-Faces: [{"track_id":17,"track_uid":"01KAXW3E8MSVK5N1KX6RPRFX9Y",'
    '"bbox":{"x":412,"y":188,"width":96,"height":118},'
    '"label":"happiness","confidence":0.83,"scores":{"happiness":0.83,"neutral":0.17}}]\r\n\r\n(a JPEG)\r\n'
)


class SnapshotQuery(NoQuery):
    """How a picture is to look."""

    width: Annotated[int | None, WHOLE] = Field(
        default=None, ge=16, le=8192, description="In pixels; pictures are never enlarged."
    )
    quality: Annotated[int, WHOLE] = Field(default=80, ge=1, le=100, description="Of the JPEG.")
    blur: bool = Field(default=False, description="Blur all faces; always so where `privacy.blur_preview` is set.")
    faces: bool = Field(default=False, description="Whether to send `X-Faces`.")


class PreviewQuery(SnapshotQuery):
    """How pictures are to look, and how often they come."""

    fps: Annotated[float, DECIMAL] = Field(
        default=10, ge=0.1, le=60, allow_inf_nan=False, description="At most so many a second."
    )
    faces: bool = Field(default=True, description="Whether each part has `X-Faces`.")


@dataclass
class Preview:
    """Answers with pictures of the sources that `view` knows.

    A snapshot waits for `wait_s`; a stream looks after `idle_s` without a picture whether its source is still there.
    """

    view: EngineView
    viewing: Viewing
    privacy: PrivacyConfig
    wait_s: float = 5.0
    idle_s: float = 1.0

    def look(self, query: SnapshotQuery) -> Look:
        """What is asked for, as far as it may be had."""
        return Look(query.width, query.quality, query.blur or self.privacy.blur_preview)

    async def known(self, source_id: str) -> SourceSnapshot:
        """Raises 404 for a source that is not known."""
        found = await self._find(source_id)
        if found is None:
            raise HTTPException(404, f"source {source_id} is not known")
        return found

    async def snapshot(self, source: SourceSnapshot, look: Look) -> Rendered:
        """The next picture. Raises 503 when none comes soon, and when there are too many viewers."""
        if source.state in _SILENT:
            raise _nothing(f"source {source.source_id} is {source.state}")
        wait_s = min(max(self.wait_s, 2.5 / source.fps if source.fps else 0.0), _LONGEST_WAIT_S)
        try:
            with self.viewing.enter(source.source_id, look) as viewer:
                picture = await viewer.next(wait_s)
        except TooManyViewers as error:
            raise HTTPException(503, str(error), {"Retry-After": "10"}) from error
        if picture is None:
            raise _nothing(f"source {source.source_id} has no picture yet")
        return picture

    async def parts(self, viewer: Viewer, source_id: str, query: PreviewQuery) -> AsyncIterator[bytes]:
        """The stream. A part is made when the one before was taken, so whoever is slow misses pictures."""
        # The boundary goes out with the picture before it: browsers show a picture when they see its end.
        yield b"--%b" % BOUNDARY
        period_s, missed = 1 / query.fps, 0
        while not viewer.closed and missed < _GONE:
            picture = await viewer.next(self.idle_s)
            if picture is None:
                missed = missed + 1 if await self.is_over(source_id) else 0
                continue
            missed = 0
            yield part(picture, query.faces)
            await viewer.rest(period_s)
        yield b"--\r\n"

    async def is_over(self, source_id: str) -> bool:
        found = await self._find(source_id)
        return found is None or found.state == "ended"

    async def _find(self, source_id: str) -> SourceSnapshot | None:
        status = await run_in_threadpool(self.view.status)
        return next((source for source in status.sources if source.source_id == source_id), None)


class _Stream(StreamingResponse):
    """The stream of one viewer; whatever way it ends, the viewer has left then."""

    def __init__(self, preview: Preview, source_id: str, query: PreviewQuery) -> None:
        super().__init__(iter(()), media_type=STREAM)
        self._preview, self._source_id, self._query = preview, source_id, query

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        preview = self._preview
        try:
            with preview.viewing.enter(self._source_id, preview.look(self._query)) as viewer:
                self.body_iterator = preview.parts(viewer, self._source_id, self._query)
                await super().__call__(scope, receive, send)
        except TooManyViewers as error:
            await problems.problem(503, str(error), headers={"Retry-After": "10"})(scope, receive, send)


def _nothing(detail: str) -> HTTPException:
    return HTTPException(503, detail, {"Retry-After": "5"})


def part(picture: Rendered, faces: bool, source_id: str | None = None) -> bytes:
    """One part of a stream, with the boundary behind it; `source_id` where the stream has several."""
    headers = (
        *((("X-Source-Id", source_id),) if source_id else ()),
        ("Content-Type", "image/jpeg"),
        ("Content-Length", str(len(picture.jpeg))),
        *_told(picture, faces).items(),
    )
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return b"\r\n%b\r\n%b\r\n--%b" % (head.encode("ascii"), picture.jpeg, BOUNDARY)


def _told(picture: Rendered, faces: bool) -> dict[str, str]:
    return dict((*picture.headers, ("X-Faces", picture.faces)) if faces else picture.headers)


def preview_routes(preview: Preview) -> APIRouter:
    """`GET sources/{source_id}/snapshot.jpg` and `GET sources/{source_id}/preview.mjpeg`."""
    router = APIRouter(prefix="/api/v1", responses=problems.responses(400, 401, 403, 404, 422, 429, 503))
    jpeg: dict[str, Any] = {
        "description": "One picture.",
        "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}, "example": "(a JPEG)"}},
        "headers": _HEADERS,
    }
    stream: dict[str, Any] = {
        "description": "JPEG pictures, one part each, with the headers of a snapshot in each part.",
        "content": {STREAM.partition(";")[0]: {"schema": {"type": "string"}, "example": EXAMPLE}},
    }

    @router.get(
        "/sources/{source_id}/snapshot.jpg",
        summary="What a source sees right now",
        response_class=Response,
        responses={200: jpeg},
    )
    async def snapshot(source_id: SourceId, query: Annotated[SnapshotQuery, Query()]) -> Response:
        """Waits for the next picture. 503 with `Retry-After` while none comes."""
        source = await preview.known(source_id)
        picture = await preview.snapshot(source, preview.look(query))
        return Response(picture.jpeg, headers=_told(picture, query.faces), media_type="image/jpeg")

    @router.get(
        "/sources/{source_id}/preview.mjpeg",
        summary="What a source sees, as it comes",
        response_class=StreamingResponse,
        responses={200: stream},
        operation_id="preview",
    )
    async def mjpeg(request: Request, source_id: SourceId, query: Annotated[PreviewQuery, Query()]) -> Response:
        """Goes on when a camera comes back; ends when the source is removed or the run ends. Pictures that are not
        taken in time are left out, and a viewer that stops reading is cut off.
        """
        await preview.known(source_id)
        if "head" in request.scope.get("extensions", {}):
            return Response(media_type=STREAM)
        return _Stream(preview, source_id, query)

    return router
