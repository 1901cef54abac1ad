"""Live pictures for those who may see them: kept only while somebody watches."""

from engine.preview.blur import covers, hide
from engine.preview.picture import Look, Rendered, faces_of, jpeg, render
from engine.preview.shots import Shot, Shots, Watch
from engine.preview.thumbnails import Thumbnails

__all__ = ["Look", "Rendered", "Shot", "Shots", "Thumbnails", "Watch", "covers", "faces_of", "hide", "jpeg", "render"]
