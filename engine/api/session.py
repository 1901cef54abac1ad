"""What a client may do here, and the cards of the models in use: what the dashboard asks first."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from engine.api import models
from engine.api.config import ALL_SCOPES, ApiConfig
from engine.api.privacy import PrivacyConfig
from engine.api.query import NoQuery
from engine.api.reports import add_reports, has_report
from engine.status import EngineView, ModelSnapshot


def add_session(router: APIRouter, view: EngineView, config: ApiConfig, privacy: PrivacyConfig) -> None:
    """`GET session`, `GET models` and the reports on them."""
    add_reports(router, view)

    @router.get("/session", response_model=models.Session, summary="What this token may do, and what is on")
    def session(request: Request, _query: Annotated[NoQuery, Query()]) -> Any:
        status = view.status()
        return {
            "name": status.name,
            "version": status.version,
            "tokens": bool(config.all_tokens()),
            "scopes": [scope for scope in ALL_SCOPES if scope in getattr(request.state, "scopes", ALL_SCOPES)],
            "aggregate_only": privacy.aggregate_only,
            "bucket_s": privacy.bucket_s if privacy.aggregate_only else None,
            "thumbnails": privacy.thumbnails,
            "browser_cameras": config.takes_browser_cameras,
            "sources": config.sources.enabled,
            "docs": config.shows_docs,
        }

    @router.get("/models", response_model=models.Cards, summary="The models in use and their cards")
    def cards(_query: Annotated[NoQuery, Query()]) -> Any:
        """A card tells what was measured of a model, on which pictures, and under which licence it is."""
        return {"items": [_with_card(model) for model in view.status().models]}


def _with_card(model: ModelSnapshot) -> dict[str, Any]:
    told = {name: getattr(model, name) for name in models.Model.model_fields}
    return {**told, "card": None if model.card is None else asdict(model.card), "report": has_report(model)}
