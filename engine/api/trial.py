"""`POST sources/test`: what a source would show, before it is added."""

import asyncio
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from engine.api import problems
from engine.api.examples import NEW_SOURCE
from engine.api.privacy import PrivacyConfig
from engine.api.query import WHOLE, NoQuery
from engine.api.sources import Sources, body_of, new_source
from engine.errors import SourceError
from engine.preview import jpeg
from engine.sources.trial import Seen, TooManyTrials, Trial, Trials

_GRACE_S = 0.5
_HEADERS = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in (
        ("X-Frame-Size", "Width and height of what the source sends, such as 1280x720."),
        ("X-Frame-Rate", "Pictures a second, where the source states them."),
        ("X-Codec", "How they are packed, such as h264, where that is known."),
    )
}
_WITHHELD = {
    "X-No-Picture": {"description": "The setting that forbids to show one.", "schema": {"type": "string"}},
    **_HEADERS,
}


class TrialQuery(NoQuery):
    """How the picture is to look."""

    width: Annotated[int, WHOLE] = Field(
        default=1280, ge=16, le=1920, description="In pixels, at most; pictures are never enlarged."
    )


def trial_routes(known: Sources, privacy: PrivacyConfig) -> APIRouter:
    """`POST sources/test`."""
    router = APIRouter(
        prefix="/api/v1", responses=problems.responses(400, 401, 403, 409, 411, 413, 415, 422, 424, 429, 503)
    )
    picture: dict[str, Any] = {
        "description": "It works: its first picture.",
        "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}, "example": "(a JPEG)"}},
        "headers": _HEADERS,
    }
    withheld = {"description": "It works. `privacy` lets nobody see a picture of it.", "headers": _WITHHELD}

    @router.post(
        "/sources/test",
        summary="Try a source before it is added; nothing of it is kept",
        response_class=Response,
        responses={200: picture, 204: withheld},
        dependencies=[Depends(known.changeable)],
        openapi_extra=body_of("SourceTest", NEW_SOURCE),
    )
    async def test_source(
        request: Request,
        raw: Annotated[dict[str, Any], Depends(new_source)],
        query: Annotated[TrialQuery, Query()],
    ) -> Response:
        """Takes what adding takes, and refuses what it refuses; `id` may be left out. 424 where the source could be
        added and gives no picture now, with its `cause`. Needs the scope `operate`.
        """
        managed = known.changeable()
        config = await run_in_threadpool(managed.examine, raw)
        trials, done = managed.trials, asyncio.Event()
        try:
            rules = managed.rules
            trial = trials.begin(config, rules.opener(), _ringer(done), rules.tells_all(config))
        except TooManyTrials as error:
            text = f"{trials.limit} sources are being tested already; try again when one is through"
            raise HTTPException(503, text, {"Retry-After": "5"}) from error
        try:
            await _first(done.wait(), _gone(request), trials.within_s + _GRACE_S)
        finally:
            trial.give_up()
        return await _answer(_outcome(trial, trials, done.is_set()), privacy, query.width)

    return router


def _ringer(done: asyncio.Event) -> Any:
    loop = asyncio.get_running_loop()

    def ring() -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(done.set)

    return ring


def _outcome(trial: Trial, trials: Trials, is_done: bool) -> Seen | SourceError:
    if trial.outcome is None and trials.closed:
        raise HTTPException(503, "the engine ends")
    if trial.outcome is None and is_done:
        raise RuntimeError("a source could not be tested")
    return trial.outcome or trial.late()


async def _answer(outcome: Seen | SourceError, privacy: PrivacyConfig, width: int) -> Response:
    if isinstance(outcome, SourceError):
        return problems.problem(424, str(outcome)[:300], cause=outcome.cause)
    headers = _told(outcome)
    if setting := _forbids(privacy):
        return Response(status_code=204, headers={**headers, "X-No-Picture": setting})
    data = await run_in_threadpool(jpeg, outcome.image, width)
    return Response(data, headers=headers, media_type="image/jpeg")


async def _first(one: Any, other: Any, timeout_s: float) -> None:
    """Until one of both has come, or time is over."""
    tasks = {asyncio.create_task(one), asyncio.create_task(other)}
    try:
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _gone(request: Request) -> None:
    """Until the client has gone. To be called when its body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _told(seen: Seen) -> dict[str, str]:
    height, width = seen.image.shape[:2]
    declared = seen.declared
    return {
        "X-Frame-Size": f"{width}x{height}",
        **({"X-Frame-Rate": f"{declared.fps:.4g}"} if declared.fps else {}),
        **({"X-Codec": declared.codec} if declared.codec else {}),
    }


def _forbids(privacy: PrivacyConfig) -> str | None:
    """Which setting lets nobody see this picture. Blurring takes the detector, which looks at running sources only."""
    if privacy.aggregate_only:
        return "privacy.aggregate_only"
    return "privacy.blur_preview" if privacy.blur_preview else None
