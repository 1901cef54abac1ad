"""The application: what answers HTTP requests."""

from collections.abc import Iterable
from dataclasses import replace

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from engine.api.auth import TokenGate
from engine.api.bell import Bell
from engine.api.camera import camera_routes
from engine.api.config import ApiConfig
from engine.api.docs import add_docs
from engine.api.gates import HeadAsGet, HeaderGate, HostGate, OriginGate, SizeGate
from engine.api.openapi import describe
from engine.api.preview import Preview, preview_routes
from engine.api.privacy import AggregateGate, PrivacyConfig
from engine.api.problems import answer_with_problems, responses
from engine.api.routes import api_routes
from engine.api.sources import Sources, source_routes
from engine.api.stream import Streams
from engine.api.trial import trial_routes
from engine.api.viewing import Viewing
from engine.api.wall import wall_routes
from engine.api.web import add_web, load_files
from engine.clock import Clock, SystemClock
from engine.erasing import Erasing
from engine.history import History
from engine.metrics import render
from engine.preview import Shots, Thumbnails
from engine.sources.browsers import BrowserCameras
from engine.sources.managed import ManagedSources
from engine.status import EngineView

_NOT_READY = {"description": "Not yet", "content": {"application/json": {"example": {"status": "not ready"}}}}


def create_app(
    view: EngineView,
    history: History,
    config: ApiConfig,
    version: str,
    clock: Clock | None = None,
    bell: Bell | None = None,
    privacy: PrivacyConfig | None = None,
    shots: Shots | None = None,
    sources: ManagedSources | None = None,
    cameras: BrowserCameras | None = None,
    thumbnails: Thumbnails | None = None,
    erasing: Erasing | None = None,
) -> FastAPI:
    """The API of one run. Reads `view` and `history`, which must be open when asked, and erases tracks there.

    `bell` is rung when the history has new rows; without one, streams of events look every 15 seconds.
    `shots` are where pictures come from; without them there are none. `sources` can be changed; without them they
    are what the configuration says. `cameras` are those of browsers, None where they may not be sent here. Tracks have
    `thumbnails` where they are given. `erasing` erases a track everywhere; without it from history and thumbnails.
    """
    clock, privacy = clock or SystemClock(), privacy or PrivacyConfig()
    app = FastAPI(
        title="moodline",
        version=version,
        summary="Streaming facial-emotion analytics: the run, its history and its events.",
        servers=[{"url": config.root_path}] if config.root_path else None,
        openapi_url="/openapi.json" if config.shows_docs else None,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        # A redirect would repeat the Host header, whatever it says.
        redirect_slashes=False,
        # What generated clients call their functions.
        generate_unique_id_function=lambda route: route.name,
    )
    answer_with_problems(app)
    config = replace(config, browser_cameras=cameras is not None)
    streams = Streams(history, bell or Bell())
    app.include_router(api_routes(view, history, streams, clock, config, privacy, thumbnails, erasing))
    preview = Preview(view, Viewing(shots or Shots()), privacy)
    app.include_router(wall_routes(preview))
    known = Sources(view, sources, config.sources.enabled, cameras)
    app.include_router(source_routes(known))
    app.include_router(trial_routes(known, privacy))
    app.include_router(preview_routes(preview))
    app.include_router(camera_routes(cameras, None if privacy.aggregate_only else shots))
    _add_probes(app, view)
    _add_pages(app, view)
    if config.shows_docs:
        add_docs(app)
    files = load_files()
    add_web(app, files)
    describe(app)
    if privacy.aggregate_only:
        app.add_middleware(AggregateGate)
    _add_gates(app, config, clock, files)
    return app


def _add_gates(app: FastAPI, config: ApiConfig, clock: Clock, open_files: Iterable[str]) -> None:
    """The last one added is the first that a request meets."""
    app.add_middleware(HeadAsGet)
    tokens = config.all_tokens()
    if tokens:
        app.add_middleware(TokenGate, tokens=tokens, clock=clock, open_paths=open_files)
    app.add_middleware(SizeGate)
    app.add_middleware(OriginGate)
    if not tokens or config.allowed_hosts:
        app.add_middleware(HostGate, names=(config.host, *config.allowed_hosts))
    app.add_middleware(HeaderGate)


def _add_probes(app: FastAPI, view: EngineView) -> None:
    @app.get("/healthz", summary="The process is alive")
    async def healthz() -> dict[str, str]:
        # Not in a thread: it answers while all threads wait for the database.
        return {"status": "ok"}

    @app.get("/readyz", summary="The run is ready; 503 until then", responses={503: _NOT_READY})
    def readyz() -> Response:
        status = view.status()
        told: dict[str, object] = {"status": "ready" if status.ready else "not ready"}
        if status.stuck:
            told |= {"stage": status.stuck[0].stage, "hangs_for_s": status.stuck[0].for_s}
        return JSONResponse(told, 200 if status.ready else 503)


def _add_pages(app: FastAPI, view: EngineView) -> None:
    @app.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse, responses=responses(401, 403))
    def metrics() -> Response:
        page, content_type = render(view.status())
        return Response(page, headers={"content-type": content_type})
