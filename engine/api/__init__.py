"""The HTTP API: read-only views of the run and its history. The only package that imports FastAPI."""

from engine.api.app import create_app
from engine.api.config import ApiConfig
from engine.api.server import ApiServer, port_is_free

__all__ = ["ApiConfig", "ApiServer", "create_app", "port_is_free"]
