"""`tracks/{track_uid}/thumbnail.jpg`: the best look at a face that is still in memory."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Response

from engine.api import problems
from engine.api.query import NoQuery
from engine.fields import Name
from engine.preview import Thumbnails

_JPEG = {
    "description": "One face.",
    "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}, "example": "(a JPEG)"}},
}


def add_thumbnails(router: APIRouter, thumbnails: Thumbnails | None) -> None:
    @router.get(
        "/tracks/{track_uid}/thumbnail.jpg",
        response_class=Response,
        summary="The best look at one face, while it is in memory",
        responses={200: _JPEG, **problems.responses(404)},
    )
    def thumbnail(
        track_uid: Annotated[Name, Path(description="The track's ULID.")], _query: Annotated[NoQuery, Query()]
    ) -> Any:
        """At most 112 pixels. Only where `privacy.thumbnails` is set; gone an hour after the track was last seen."""
        if thumbnails is None:
            raise HTTPException(404, "no face is kept here: privacy.thumbnails is not set")
        jpeg = thumbnails.jpeg(track_uid)
        if jpeg is None:
            raise HTTPException(404, f"no picture of track {track_uid} is kept")
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})
