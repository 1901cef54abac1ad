"""What a request passes before a route sees it: its host, origin and size. HEAD passes as GET."""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.api.problems import problem

MAX_BODY_BYTES = 2**20


_ONCE = ("host", "origin", "authorization", "sec-fetch-site", "content-type", "last-event-id")
"""Headers that decide something: of two, one part of the way may believe the first and another the second."""
_LABELS = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?"
_HOST = re.compile(rf"(?:{_LABELS}|\[[0-9A-Fa-f:.]{{2,45}}\])(?::[0-9]{{1,5}})?")
_ORIGIN = re.compile(rf"null|[a-z][a-z0-9+.-]*://(?:{_HOST.pattern})?", re.IGNORECASE)


class HeaderGate:
    """Refuses requests that say twice, or in no proper form, what others decide by: above all `Host` and `Origin`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem_with = None if scope["type"] == "lifespan" else _wrong(scope)
        if problem_with is None:
            await self._app(scope, receive, send)
            return
        await problem(400, problem_with, headers={"Connection": "close"})(scope, receive, send)


def _wrong(scope: Scope) -> str | None:
    headers = Headers(scope=scope)
    for name in _ONCE:
        if len(headers.getlist(name)) > 1:
            return f"the header {name.title()} is there twice"
    host, origin = headers.get("host"), headers.get("origin")
    if host is None and scope.get("http_version") != "1.0":
        return "the header Host is missing"
    if host is not None and not _HOST.fullmatch(host):
        return "the header Host is not a host name or address with a port"
    if origin is not None and not _ORIGIN.fullmatch(origin):
        return "the header Origin is not an origin"
    return None


class HostGate:
    """Refuses requests that were sent to another name than ours.

    A page from elsewhere may point its own name at this machine and then read what its browser can reach
    (DNS rebinding); the name gives it away. It cannot do so with an IP address, which is therefore right. The form of
    the header was checked by `HeaderGate`.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(("localhost", *(name.lower() for name in names)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._is_ours(Headers(scope=scope).get("host", "")):
            await self._app(scope, receive, send)
            return
        refusal = problem(400, "the Host header names another host; add the name to api.allowed_hosts if it is ours")
        await refusal(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        return name in self._names or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class OriginGate:
    """Refuses what a page from elsewhere makes a browser send: forms and scripts of others change nothing here.

    A browser names the page's origin wherever it matters; programs name none. A link from elsewhere may still
    be followed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A WebSocket is opened with a GET, but whoever holds it may write.
        if scope["type"] == "lifespan" or self._is_ours(scope.get("method", "WEBSOCKET"), Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        refusal = problem(403, "the request comes from a page of another origin", headers={"Connection": "close"})
        await refusal(scope, receive, send)

    def _is_ours(self, method: str, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is not None and origin.lower().partition("://")[2] != headers.get("host", "").lower():
            return False
        return method in ("GET", "HEAD") or headers.get("sec-fetch-site", "none") in ("none", "same-origin")


class SizeGate:
    """Refuses a body that is above `MAX_BODY_BYTES`, or that does not say so, before any of it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, headers: Headers) -> Response | None:
        # Whoever says close is not read from any longer.
        if _stated_bytes(headers) > MAX_BODY_BYTES:
            return problem(413, f"the body is larger than {MAX_BODY_BYTES} bytes", headers={"Connection": "close"})
        if "transfer-encoding" in headers:
            return problem(411, "send the body with a Content-Length", headers={"Connection": "close"})
        return None


def _stated_bytes(headers: Headers) -> int:
    digits = headers.get("content-length", "")
    return int(digits) if digits.isdecimal() and len(digits) < 20 else 0


class HeadAsGet:
    """Answers HEAD with what GET would say; the server leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            # A new scope: by the old one the server knows that no body may follow.
            scope = {**scope, "method": "GET", "extensions": {**scope.get("extensions", {}), "head": {}}}
        await self._app(scope, receive, send)
