"""The bearer token."""

import hashlib
from hmac import compare_digest

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.api.problems import problem

OPEN_PATHS = ("/healthz", "/readyz")


class TokenGate:
    """Asks for the token before anything else looks at the request, known path or not."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._digest = _digest(token.strip().encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or self._may_pass(Request(scope)):
            await self._app(scope, receive, send)
            return
        refusal = problem(
            401,
            "send the token of api.token as: Authorization: Bearer TOKEN",
            headers={"WWW-Authenticate": "Bearer"},
        )
        await refusal(scope, receive, send)

    def _may_pass(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        # Headers arrive read as latin-1; digests make the comparison independent of the length, too.
        given = _digest(token.encode("latin-1").strip())
        return compare_digest(given, self._digest) and scheme.lower() == "bearer"


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
