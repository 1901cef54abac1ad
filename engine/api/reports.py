"""`GET models/{name}/report`: the trainer's page on a model in use, as it lies beside the model's file."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse

from engine.api import problems
from engine.api.query import NoQuery
from engine.status import EngineView, ModelSnapshot

LARGEST = 4 * 2**20
"""In bytes: several times what the trainer writes, with every picture."""
POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No script, no origin of its own, nothing from anywhere: whoever wrote the page, it can only be read."""

ModelName = Annotated[str, InPath(max_length=200, description="The model's name, as `GET models` tells it.")]


def has_report(model: ModelSnapshot) -> bool:
    """Whether a page lies beside the model that could be served."""
    return model.report is not None and _fits(model.report)


def _fits(page: Path) -> bool:
    try:
        return page.is_file() and page.stat().st_size <= LARGEST
    except OSError:
        return False


def add_reports(router: APIRouter, view: EngineView) -> None:
    """`GET models/{name}/report`. The name only chooses among the models in use; no path is made of it."""
    page: dict[str, Any] = {
        "description": "One HTML page that loads nothing.",
        "content": {"text/html": {"schema": {"type": "string"}, "example": "<!DOCTYPE html>..."}},
    }

    @router.get(
        "/models/{name}/report",
        summary="The trainer's report on a model in use",
        response_class=HTMLResponse,
        responses={200: page, **problems.responses(404)},
    )
    def model_report(name: ModelName, _query: Annotated[NoQuery, Query()]) -> Response:
        """What `moodline-train report --beside` wrote; 404 where `report` of `GET models` is false."""
        found = next((one for one in view.status().models if one.name == name and has_report(one)), None)
        if found is None or found.report is None:
            raise HTTPException(404, f"there is no report on a model in use called {name!r}")
        try:
            with found.report.open("rb") as file:
                body = file.read(LARGEST)
        except OSError as error:
            raise HTTPException(404, f"the report on {name!r} cannot be read ({error.strerror})") from error
        return HTMLResponse(body, headers={"Content-Security-Policy": POLICY})
