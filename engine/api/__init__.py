"""The HTTP API: views of the run and its history. The only package that imports FastAPI."""

from engine.api.app import create_app
from engine.api.bell import Bell
from engine.api.config import ApiConfig
from engine.api.server import ApiServer, port_is_free

__all__ = ["ApiConfig", "ApiServer", "Bell", "create_app", "port_is_free"]
