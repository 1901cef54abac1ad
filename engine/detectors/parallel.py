"""Looking at the pictures of one batch side by side, one per core."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from engine.detectors.base import TunableDetector
from engine.items import Detection, Image
from engine.progress import tick


class Parallel:
    """A detector that hands each picture of a batch to a thread of its own; results are the same.

    For a CPU, where one network spread over several cores gains little, and a batch nothing. Any thread may
    call `detect`; the threads end with the object.
    """

    def __init__(self, detector: TunableDetector, threads: int) -> None:
        self._detector = detector
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="detect-pool")

    @property
    def name(self) -> str:
        return self._detector.name

    @property
    def min_score(self) -> float:
        return self._detector.min_score

    @min_score.setter
    def min_score(self, score: float) -> None:
        self._detector.min_score = score

    @property
    def faint_score(self) -> float | None:
        return self._detector.faint_score

    @faint_score.setter
    def faint_score(self, score: float | None) -> None:
        self._detector.faint_score = score

    @property
    def has_landmarks(self) -> bool:
        return self._detector.has_landmarks

    def detect(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        if len(images) == 1:
            return self._detector.detect(images)
        found = []
        for faces in self._pool.map(lambda image: self._detector.detect([image])[0], images):
            tick()  # for the calling worker: the pool's threads have none
            found.append(faces)
        return found
