"""Where pictures for labelling come from: folders of stills, and clips of which some frames are taken."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from engine.errors import Cause, ConfigError, SourceError
from engine.items import Floats, Image
from engine.sources.config import SourceConfig
from engine.sources.picture import RateCap
from engine.sources.reader import open_reader
from trainer.detector.pictures import Split
from trainer.sources.base import PICTURES, PictureReader, read_picture

logger = logging.getLogger(__name__)

FRAMES = "frames:"
CROPS = "crops:"
_MARGIN = 0.5
"""What is put around a crop on each side, as a share of its long side."""
_FRAMES_PER_S = 25.0
"""What a folder of frames is played at."""
_THUMBNAIL = 32
_MAX_PIXELS = 16384 * 16384
_NAMED = 20
"""So many pictures that cannot be read are named."""
_SKIP = "repair or remove it, or go on without: --skip-unreadable"


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A picture to be labelled: uint8 BGR `(H, W, 3)`. Those of one `group` show the same people. A `crop` shows a face
    even where no teacher sees it."""

    name: str
    group: str
    split: Split
    image: Image
    crop: bool = False


@dataclass(frozen=True, slots=True)
class Sampling:
    """What is taken of the sources, and for which split.

    Of a clip a frame is taken every `every` seconds, and left out where it differs from the one taken before by
    less than `differ` gray levels in the mean. A share of `validation` of stills and clips is for validation, chosen
    by a hash of their names; of clips those named in `clips` instead, where there are any.
    """

    every: float = 0.5
    differ: float = 2.0
    validation: float = 0.05
    clips: tuple[str, ...] = ()

    def split_of(self, name: str) -> Split:
        """The split of the picture or clip `name`; the same wherever it lies."""
        drawn = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
        return "validation" if drawn < self.validation else "train"

    def split_of_clip(self, name: str) -> Split:
        if not self.clips:
            return self.split_of(name)
        return "validation" if name in self.clips else "train"


@dataclass(slots=True)
class Stills:
    """The pictures of a folder and those within it, or one picture; every one is a group of its own. Of `crops:FOLDER`
    each shows a face cut out so tightly that detectors do not know it for one: it gets a margin."""

    typed: str
    reader: PictureReader
    paths: Sequence[Path] = field(init=False)
    others: int = field(init=False, default=0)
    """Files in it that are no pictures."""

    def __post_init__(self) -> None:
        root = self._root
        files = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else [root]
        self.paths = [path for path in files if path.suffix.lower() in PICTURES and not path.name.startswith(".")]
        self.others = len(files) - len(self.paths)
        if not self.paths:
            raise ConfigError(f"{self.typed}: holds no pictures ({', '.join(sorted(PICTURES))}); name clips one by one")

    @property
    def _root(self) -> Path:
        return Path(self.typed.removeprefix(CROPS))

    @property
    def expected(self) -> int:
        return len(self.paths)

    def shots(self, sampling: Sampling) -> Iterator[Shot]:
        """Raises ConfigError: a picture cannot be read, and none may be skipped."""
        root = self._root.resolve()
        for path in self.paths:
            image = self.reader.read(path)
            if image is not None:
                crop = self.typed.startswith(CROPS)
                within = path.resolve().relative_to(root).as_posix() if root.is_dir() else ""
                name = f"{root.name}/{within}" if within else root.name
                yield Shot(name, name, sampling.split_of(name), framed(image) if crop else image, crop)


@dataclass(slots=True)
class Clip:
    """A video file, or a folder of frames named `frames:FOLDER`: one group, whose name is the file's or folder's."""

    typed: str
    reader: PictureReader
    others: int = 0

    @property
    def name(self) -> str:
        return Path(self.typed.removeprefix(FRAMES)).resolve().stem

    @property
    def expected(self) -> int | None:
        return None

    @property
    def paths(self) -> Sequence[Path]:
        """Of its frames, where they are files of their own."""
        return Stills(self.typed.removeprefix(FRAMES), self.reader).paths if self.typed.startswith(FRAMES) else ()

    def shots(self, sampling: Sampling) -> Iterator[Shot]:
        """Raises ConfigError: it is no video, damaged, or a frame cannot be read, and none may be skipped."""
        split = sampling.split_of_clip(self.name)
        due, before = RateCap(1 / sampling.every), None
        for time_s, image in self._frames():
            if due.wants(time_s):
                small = _thumbnail(image)
                if before is None or float(np.abs(small - before).mean()) >= sampling.differ:
                    before = small
                    yield Shot(f"{self.name}@{time_s:.2f}s", self.name, split, image)

    def _frames(self) -> Iterator[tuple[float, Image]]:
        if self.typed.startswith(FRAMES):
            folder = Stills(self.typed.removeprefix(FRAMES), self.reader)
            for number, path in enumerate(folder.paths):
                image = self.reader.read(path)
                if image is not None:
                    yield number / _FRAMES_PER_S, image
        else:
            yield from self._recorded()

    def _recorded(self) -> Iterator[tuple[float, Image]]:
        try:
            footage = open_reader(SourceConfig(id="clip", uri=str(Path(self.typed).resolve()), max_pixels=_MAX_PIXELS))
            try:
                while True:
                    picture = footage.read()
                    if picture is not None:
                        yield picture.media_s or 0.0, picture.image
            finally:
                footage.close()
        except SourceError as error:
            self._ended(error)

    def _ended(self, error: SourceError) -> None:
        if error.cause is Cause.ENDED:
            return
        if not self.reader.skip_unreadable:
            raise ConfigError(f"{error}; {_SKIP}") from error
        self.reader.skipped.append(str(error))


def framed(image: Image) -> Image:
    """A crop (uint8 BGR `(H, W, 3)`) amid its own border colours, drawn out and blurred as if out of focus."""
    margin = round(max(image.shape[:2]) * _MARGIN)
    drawn = cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    around: Image = cv2.GaussianBlur(drawn, (0, 0), margin / 4)
    around[margin:-margin, margin:-margin] = image
    return around


def _thumbnail(image: Image) -> Floats:
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small: Floats = cv2.resize(gray, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32)
    return small


def open_sources(sources: Sequence[str], sampling: Sampling, reader: PictureReader) -> list[Stills | Clip]:
    """One for each of `sources`: a folder of pictures, a picture, `crops:FOLDER`, `frames:FOLDER`, or a video file.

    Raises:
        ConfigError: one does not exist or holds no pictures, or no clip has a name that `sampling` asks for.
    """
    found = [_opened(source, reader) for source in sources]
    names = [source.name for source in found if isinstance(source, Clip)]
    for wanted in sampling.clips:
        if wanted not in names:
            raise ConfigError(f"--validate-clip: there is no clip {wanted!r}; clips are {', '.join(names) or 'none'}")
    return found


def check_readable(sources: Sequence[Stills | Clip]) -> None:
    """Look at all pictures of `sources` before any work is done on one; clips are not played.

    Raises:
        ConfigError: naming those that cannot be read, at most twenty.
    """
    paths = [path for source in sources for path in source.paths]
    problems = [problem for path in tqdm(paths, "look", unit=" pictures", disable=None) if (problem := _problem(path))]
    if len(problems) == 1:
        raise ConfigError(f"{problems[0]}; {_SKIP}")
    if problems:
        more = [f"... and {len(problems) - _NAMED} more"] if len(problems) > _NAMED else []
        all_of_them = (
            f"{len(problems)} of {len(paths)} pictures cannot be read; repair or remove them, or go on without"
        )
        raise ConfigError(*problems[:_NAMED], *more, f"{all_of_them}: --skip-unreadable")


def _problem(path: Path) -> str | None:
    try:
        read_picture(path)
    except ConfigError as error:
        return str(error)
    return None


def _opened(source: str, reader: PictureReader) -> Stills | Clip:
    path = Path(source.removeprefix(FRAMES).removeprefix(CROPS))
    if not path.exists():
        raise ConfigError(
            f"{source}: no such file or folder; name a folder of pictures, a clip, frames:FOLDER or crops:FOLDER"
        )
    for prefix in (FRAMES, CROPS):
        if source.startswith(prefix) and not path.is_dir():
            raise ConfigError(f"{source}: {str(path)!r} is no folder of {prefix.removesuffix(':')}")
    clip = source.startswith(FRAMES) or (path.is_file() and path.suffix.lower() not in PICTURES)
    return Clip(source, reader) if clip else Stills(source, reader)
