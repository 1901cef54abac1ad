"""Bearer tokens and their scopes."""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from hmac import compare_digest

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.api.config import TokenConfig
from engine.api.failures import Failures
from engine.api.problems import problem
from engine.clock import Clock

OPEN_PATHS = ("/healthz", "/readyz")
READING = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing, here as anywhere."""
BEARER = "bearer."
"""A page cannot give a WebSocket a header. It offers this subprotocol, and behind it its token in base64url."""


class TokenGate:
    """Asks for a token before anything else looks at the request, known path or not.

    An address that sends too many wrong tokens is answered 429 for a while, also with a right one: whoever
    guesses must not learn more from the answers. A request without any token is no guess. A WebSocket takes the
    scope `operate`, and is not opened before that is known.
    """

    def __init__(
        self, app: ASGIApp, tokens: Iterable[TokenConfig], clock: Clock, open_paths: Iterable[str] = ()
    ) -> None:
        self._app = app
        self._scopes = {_digest(one.token.strip().encode()): frozenset(one.scopes) for one in tokens}
        self._failures = Failures(clock)
        self._open = frozenset((*OPEN_PATHS, *open_paths))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = None
        if scope["type"] != "lifespan" and not self._is_open(scope):
            refusal = self._refusal(HTTPConnection(scope))
        await (refusal or self._app)(scope, receive, send)

    def _is_open(self, scope: Scope) -> bool:
        return scope["path"] in self._open and scope.get("method") in READING

    def _refusal(self, request: HTTPConnection) -> Response | None:
        address = request.client.host if request.client else ""
        wait_s = self._failures.wait_s(address)
        if wait_s:
            return problem(429, "too many wrong tokens from this address", headers={"Retry-After": str(wait_s)})
        sent = _sent(request)
        scopes = None if sent is None else self._granted(sent)
        if scopes is None:
            if sent is not None:
                self._failures.add(address)
            return problem(
                401,
                "send a token of the API as: Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )
        request.state.scopes = scopes
        needed = "read" if request.scope.get("method") in READING else "operate"
        if needed not in scopes:
            return problem(403, f"this token is not for that; it takes one with the scope {needed}")
        return None

    def _granted(self, token: bytes) -> frozenset[str] | None:
        """The scopes of the token sent; None without a right one. Takes as long for every wrong one."""
        # Digests make the comparison independent of the length, too.
        given = _digest(token)
        found = None
        for digest, scopes in self._scopes.items():
            if compare_digest(given, digest):
                found = scopes
        return found


def _sent(request: HTTPConnection) -> bytes | None:
    """The token of a request, or what stands in its place; None where nothing does."""
    if "authorization" in request.headers:
        scheme, _, token = request.headers["authorization"].partition(" ")
        # Headers arrive read as latin-1. No token is empty.
        return token.encode("latin-1").strip() if scheme.lower() == "bearer" else b""
    offered = [name for name in request.scope.get("subprotocols", ()) if name.startswith(BEARER)]
    return _unpacked(offered[0]) if offered else None


def _unpacked(subprotocol: str) -> bytes:
    text = subprotocol.removeprefix(BEARER)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).strip()
    except (binascii.Error, ValueError):
        return b""


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
