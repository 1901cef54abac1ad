"""The built-in demo: a camera moves over a group photo in which faces change their expressions."""

from engine.sources.demo.cast import Cast
from engine.sources.demo.reader import FPS, HEIGHT, WIDTH, open_demo, view

__all__ = ["FPS", "HEIGHT", "WIDTH", "Cast", "open_demo", "view"]
