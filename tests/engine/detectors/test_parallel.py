"""Side by side, with the same results in the same order."""

import gc
import threading

import numpy as np
import pytest

from engine.detectors.parallel import Parallel
from engine.items import Detection


class Meeting:
    """A detector that returns only when `parties` pictures are looked at at once."""

    name, has_landmarks = "meeting", False

    def __init__(self, parties):
        self._barrier = threading.Barrier(parties)

    def detect(self, images):
        self._barrier.wait(timeout=20)
        return [(Detection((0, 0, float(image[0, 0, 0]), 9), 0.9),) for image in images]


def picture(value):
    return np.full((10, 10, 3), value, np.uint8)


def test_pictures_are_looked_at_at_the_same_time_and_come_back_in_order():
    detector = Parallel(Meeting(3), threads=3)
    found = detector.detect([picture(5), picture(3), picture(7)])
    assert [faces[0].box[2] for faces in found] == [5, 3, 7]


def test_the_threads_end_with_the_object():
    detector = Parallel(Meeting(2), threads=2)
    detector.detect([picture(1), picture(2)])
    pool = [thread for thread in threading.enumerate() if thread.name.startswith("detect-pool")]
    assert len(pool) >= 2
    del detector
    gc.collect()
    for thread in pool:
        thread.join(10)
        assert not thread.is_alive()


def test_what_one_picture_raises_is_raised():
    class Broken(Meeting):
        def detect(self, images):
            raise ZeroDivisionError

    detector = Parallel(Broken(1), threads=2)
    with pytest.raises(ZeroDivisionError):
        detector.detect([picture(1), picture(2)])
