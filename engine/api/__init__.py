"""The HTTP API: views of the run and its history. The only package that imports FastAPI."""

from typing import TYPE_CHECKING

from engine.api.config import ApiConfig
from engine.exports import exports

if TYPE_CHECKING:
    from engine.api.app import create_app
    from engine.api.bell import Bell
    from engine.api.server import ApiServer, port_is_free

__all__ = ["ApiConfig", "ApiServer", "Bell", "create_app", "port_is_free"]

__getattr__ = exports(
    __name__,
    {
        "ApiServer": "engine.api.server",
        "Bell": "engine.api.bell",
        "create_app": "engine.api.app",
        "port_is_free": "engine.api.server",
    },
)
