"""The dashboard: the built files of `engine/web/dist`, held in memory and found by their exact names."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response

from engine.api.headers import CLOSED

DIST = Path(__file__).parents[1] / "web" / "dist"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_POLICY = f"default-src 'self'; {CLOSED}"
# The report is shown in a frame without rights, which has the policy of the page around it; its styles are inline.
_POLICIES = {
    "/report.html": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; "
    f"img-src 'self' data:; {CLOSED}",
}
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class WebFile:
    """One file as it is sent. `forever`: its name carries its hash, so it never changes."""

    kind: str
    body: bytes
    packed: bytes
    tag: str
    forever: bool


def load_files(folder: Path = DIST) -> Mapping[str, WebFile]:
    """All files of a built dashboard by their URL path; `/` is index.html."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in _KINDS:
            name = "/" + path.relative_to(folder).as_posix()
            found["/" if name == "/index.html" else name] = _file(path, name.startswith("/assets/"))
    return found


def _file(path: Path, forever: bool) -> WebFile:
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:32]
    return WebFile(_KINDS[path.suffix], body, gzip.compress(body, 9, mtime=0), digest, forever)


def add_web(app: FastAPI, files: Mapping[str, WebFile]) -> None:
    """Serve `files`. They are the same for everybody and hold no data, so they take no token."""

    @app.get("/", include_in_schema=False)
    def index(request: Request) -> Response:
        return _answer("/", request)

    @app.get("/report.html", include_in_schema=False)
    def report(request: Request) -> Response:
        return _answer("/report.html", request)

    @app.get("/LICENSES.txt", include_in_schema=False)
    def licences(request: Request) -> Response:
        return _answer("/LICENSES.txt", request)

    @app.get("/assets/{name}", include_in_schema=False)
    def asset(name: str, request: Request) -> Response:
        return _answer(f"/assets/{name}", request)

    def _answer(path: str, request: Request) -> Response:
        file = files.get(path)
        if file is None:
            raise HTTPException(404, f"{path[:100]} is not part of the dashboard; reload the page")
        packed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {**_headers(file, packed), "Content-Security-Policy": _POLICIES.get(path, _POLICY)}
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(file.packed if packed else file.body, headers=headers, media_type=file.kind)


def _headers(file: WebFile, packed: bool) -> dict[str, str]:
    headers = {
        "ETag": f'"{file.tag}{"-gzip" if packed else ""}"',
        # A page that is kept asks each time whether it is still the newest.
        "Cache-Control": _FOR_EVER if file.forever else "no-cache",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    return {**headers, "Content-Encoding": "gzip"} if packed else headers
