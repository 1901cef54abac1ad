"""Stands in for `cv2.VideoCapture`: a webcam that shows one picture at its own rate."""

from threading import Event

import numpy as np
from numpy.typing import NDArray


class StillWebcam:
    """`fps` pictures per second; `pictures` of them, then it is unplugged."""

    def __init__(self, fps: float = 30.0, pictures: int = 1000, opens: bool = True) -> None:
        self.image: NDArray[np.uint8] = np.full((48, 64, 3), 7, np.uint8)
        self.left = pictures
        self.retrieved = 0
        self.released = False
        self._opens = opens
        self._period_s = 1 / fps

    def isOpened(self) -> bool:
        return self._opens

    def set(self, _name: int, _value: float) -> bool:
        return True

    def grab(self) -> bool:
        Event().wait(self._period_s)
        self.left -= 1
        return self.left >= 0

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
        self.retrieved += 1
        return True, self.image.copy()

    def release(self) -> None:
        self.released = True
