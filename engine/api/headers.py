"""What every answer says to browsers: keep nothing, guess nothing, load nothing from elsewhere, show in no frame."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CLOSED = "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Swagger UI writes style attributes and draws its icons from data: URLs.
    "Content-Security-Policy": f"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; {CLOSED}",
}


class SafeHeaders:
    """Adds `HEADERS` to each answer, but for those that it gives itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)
