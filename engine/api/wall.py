"""`sources/preview.mjpeg`: many sources over one connection, as a browser opens no more than six to a host."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from engine.api import problems
from engine.api.preview import BOUNDARY, EXAMPLE, STREAM, Preview, PreviewQuery, part
from engine.api.viewing import TooManyViewers, Viewer
from engine.fields import Name
from engine.preview import Rendered


class WallQuery(PreviewQuery):
    """Which sources, and how pictures are to look."""

    source_id: list[Name] = Field(min_length=1, max_length=64, description="Repeat it for each source.")


class _Wall(StreamingResponse):
    """The stream of one page. Leaves every source when it ends, whatever way."""

    def __init__(self, preview: Preview, ids: list[str], query: WallQuery) -> None:
        super().__init__(iter(()), media_type=STREAM)
        self._preview, self._ids, self._query = preview, ids, query

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        preview, look = self._preview, self._preview.look(self._query)
        try:
            with preview.viewing.enter_all(self._ids, look) as viewers:
                self.body_iterator = self._parts(viewers)
                await super().__call__(scope, receive, send)
        except TooManyViewers as error:
            await problems.problem(503, str(error), headers={"Retry-After": "10"})(scope, receive, send)

    async def _parts(self, viewers: Mapping[str, Viewer]) -> AsyncIterator[bytes]:
        """Each source has at most one picture made and not yet taken; whoever is slow misses pictures."""
        yield b"--%b" % BOUNDARY
        coming = {asyncio.create_task(self._next(viewer)): name for name, viewer in viewers.items()}
        try:
            while coming:
                done, _ = await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    name, picture = coming.pop(task), task.result()
                    if picture is not None:
                        yield part(picture, self._query.faces, name)
                    elif viewers[name].closed or await self._preview.is_over(name):
                        continue
                    coming[asyncio.create_task(self._next(viewers[name]))] = name
        finally:
            for task in coming:
                task.cancel()
        yield b"--\r\n"

    async def _next(self, viewer: Viewer) -> Rendered | None:
        await viewer.rest(1 / self._query.fps)
        return await viewer.next(self._preview.idle_s)


def wall_routes(preview: Preview) -> APIRouter:
    """`GET sources/preview.mjpeg`. To be added before the routes of single sources, whose paths look alike."""
    router = APIRouter(prefix="/api/v1", responses=problems.responses(400, 401, 403, 404, 422, 429, 503))
    shown = EXAMPLE.replace("Content-Type", "X-Source-Id: door\r\nContent-Type", 1)
    stream: dict[str, Any] = {
        "description": "JPEG pictures, one part each; its header `X-Source-Id` says of which source.",
        "content": {STREAM.partition(";")[0]: {"schema": {"type": "string"}, "example": shown}},
    }

    @router.get(
        "/sources/preview.mjpeg",
        summary="What several sources see, over one connection",
        response_class=StreamingResponse,
        responses={200: stream},
        operation_id="preview_wall",
    )
    async def wall(request: Request, query: Annotated[WallQuery, Query()]) -> Response:
        """Sources that are not known are left out; 404 where none is. Otherwise as the preview of one source."""
        status = await run_in_threadpool(preview.view.status)
        known = {source.source_id for source in status.sources}
        ids = [name for name in dict.fromkeys(query.source_id) if name in known]
        if not ids:
            raise HTTPException(404, "none of these sources is known")
        if "head" in request.scope.get("extensions", {}):
            return Response(media_type=STREAM)
        return _Wall(preview, ids, query)

    return router
