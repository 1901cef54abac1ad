"""Bearer tokens and their scopes."""

import hashlib
from collections.abc import Iterable
from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.api.config import TokenConfig
from engine.api.failures import Failures
from engine.api.problems import problem
from engine.clock import Clock

OPEN_PATHS = ("/healthz", "/readyz")
READING = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing, here as anywhere."""


class TokenGate:
    """Asks for a token before anything else looks at the request, known path or not.

    An address that sends too many wrong tokens is answered 429 for a while, also with a right one: whoever
    guesses must not learn more from the answers. A request without any token is no guess.
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
        if scope["type"] == "http" and not self._is_open(scope):
            refusal = self._refusal(Request(scope))
        await (refusal or self._app)(scope, receive, send)

    def _is_open(self, scope: Scope) -> bool:
        return scope["path"] in self._open and scope["method"] in READING

    def _refusal(self, request: Request) -> Response | None:
        address = request.client.host if request.client else ""
        wait_s = self._failures.wait_s(address)
        if wait_s:
            return problem(429, "too many wrong tokens from this address", headers={"Retry-After": str(wait_s)})
        scopes = self._granted(request)
        if scopes is None:
            if "authorization" in request.headers:
                self._failures.add(address)
            return problem(
                401,
                "send a token of the API as: Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )
        request.state.scopes = scopes
        needed = "read" if request.method in READING else "operate"
        if needed not in scopes:
            return problem(403, f"this token is not for that; it takes one with the scope {needed}")
        return None

    def _granted(self, request: Request) -> frozenset[str] | None:
        """The scopes of the token sent; None without a right one. Takes as long for every wrong one."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        # Headers arrive read as latin-1; digests make the comparison independent of the length, too.
        given = _digest(token.encode("latin-1").strip())
        found = None
        for digest, scopes in self._scopes.items():
            if compare_digest(given, digest):
                found = scopes
        return found if scheme.lower() == "bearer" else None


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
