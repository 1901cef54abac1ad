"""The data folder of the detector's trainer: whole pictures one after another, and the faces in each.

pixels.npy      1-D uint8: the BGR rows of all pictures, memory-mapped when opened
pictures.jsonl  one line for each picture: name, group, split, size, faces, ignored regions, where it starts
manifest.json   counts, where the pictures came from, and the SHA-256 of both files; written last
"""

import hashlib
import io
import json
import os
import shutil
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from engine.errors import ConfigError, OutputError
from engine.items import Box, Image
from engine.modelcard import sha256_of
from trainer.detector.faces import SPLITS, Face, Picture, Split, from_line, to_line

__all__ = ["SPLITS", "Face", "Picture", "PictureSet", "PictureWriter", "Split", "check_out", "open_pictures"]

FORMAT = 1
PIXELS, PICTURES, MANIFEST = "pixels.npy", "pictures.jsonl", "manifest.json"
_WORK = ".part-"
_HEADER = 128
"""Bytes numpy writes before a 1-D array, however long."""


class PictureSet:
    """An opened folder. `sha256` is that of pictures and labels together, whoever wrote them and when."""

    def __init__(self, pictures: Sequence[Picture], pixels: Image, facts: Mapping[str, Any]) -> None:
        self.pictures = tuple(pictures)
        self.facts = facts
        self.sha256 = str(facts["sha256"])
        self._pixels: tuple[Image, ...] = (pixels,)
        self._ends: tuple[int, ...] = (len(self.pictures),)

    @classmethod
    def joined(cls, sets: Sequence["PictureSet"]) -> "PictureSet":
        """The pictures of several sets as those of one, in their order."""
        if len(sets) == 1:
            return sets[0]
        facts = {
            "sha256": hashlib.sha256("".join(each.sha256 for each in sets).encode()).hexdigest(),
            "splits": {split: _summed([each.facts["splits"][split] for each in sets]) for split in SPLITS},
            "parts": [dict(each.facts) for each in sets],
        }
        whole = cls([picture for each in sets for picture in each.pictures], sets[0]._pixels[0], facts)
        whole._pixels = tuple(pixels for each in sets for pixels in each._pixels)
        whole._ends = tuple(accumulate(count for each in sets for count in np.diff((0, *each._ends)).tolist()))
        return whole

    def __len__(self) -> int:
        return len(self.pictures)

    def image(self, number: int) -> Image:
        """Picture `number` as uint8 BGR `(H, W, 3)`: a read-only view into the file."""
        picture = self.pictures[number]
        part = self._pixels[bisect_right(self._ends, number)][3 * picture.start : 3 * picture.stop]
        return part.reshape(picture.height, picture.width, 3)

    def of(self, split: Split) -> tuple[int, ...]:
        """The numbers of the pictures of `split`."""
        return tuple(number for number, picture in enumerate(self.pictures) if picture.split == split)


def open_pictures(folder: Path) -> PictureSet:
    """The set that a `PictureWriter` wrote into `folder`, its pixels memory-mapped read-only.

    Raises:
        ConfigError: the folder is missing, incomplete, damaged, or of another format.
    """
    if not (folder / MANIFEST).is_file():
        raise ConfigError(
            f"data: {str(folder)!r} is no folder of labelled pictures; make one: moodline-train detector label"
        )
    try:
        facts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if facts["format"] != FORMAT:
            raise ConfigError(f"data: {str(folder)!r} has format {facts['format']}, this version reads {FORMAT}")
        if sha256_of(folder / PICTURES) != facts["files"][PICTURES]:
            raise ValueError(f"{PICTURES} is not the one that {MANIFEST} names")
        lines = (folder / PICTURES).read_text(encoding="utf-8").splitlines()
        pictures = [from_line(line) for line in lines]
        # The plain view: slicing a memmap object costs ten times as much.
        pixels: Image = np.asarray(np.load(folder / PIXELS, mmap_mode="r", allow_pickle=False))
        if len(pixels) != 3 * pictures[-1].stop:
            raise ValueError(f"{PIXELS} holds {len(pixels)} bytes instead of {3 * pictures[-1].stop}")
        return PictureSet(pictures, pixels, facts)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ConfigError(f"data: {str(folder)!r} is damaged ({error}); write it again") from error


def check_out(folder: Path, force: bool) -> None:
    """Whether a set may be written into `folder`; nothing there is changed.

    Raises:
        ConfigError: it is a file, or holds something and `force` is not given or what it holds is no set of pictures.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--out: {str(folder)!r} is a file; name a folder")
    # What a killed writer left is not in the way.
    filled = folder.is_dir() and any(not path.name.startswith(_WORK) for path in folder.iterdir())
    if filled and not force:
        raise ConfigError(f"--out: {str(folder)!r} exists and is not empty; name another folder or add --force")
    if filled and not (folder / PICTURES).is_file():
        raise ConfigError(f"--out: {str(folder)!r} holds no labelled pictures to replace; name another folder")


class PictureWriter:
    """Writes a folder: `with PictureWriter(folder, facts) as writer: writer.add(...)`.

    Everything goes into a folder within and takes its place when the `with` block ends well; otherwise what was
    there before stays. `facts` go into the manifest: whatever says where the pictures come from.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any] | None = None) -> None:
        self.facts = dict(facts or {})
        self.pictures: list[Picture] = []
        self._folder = folder
        self._work = folder / f"{_WORK}{os.getpid()}"
        self._made: list[Path] = []
        self._pixels: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Raises OutputError: the folder cannot be written."""
        self._made = [folder for folder in (self._folder, *self._folder.parents) if not folder.exists()]
        try:
            self._work.mkdir(parents=True)
            self._pixels = (self._work / PIXELS).open("wb")
            self._pixels.write(bytes(_HEADER))
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def add(
        self,
        name: str,
        group: str,
        split: Split,
        image: Image,
        faces: Sequence[Face] = (),
        ignored: Sequence[Box] = (),
    ) -> Picture:
        """Append `image` (uint8 BGR `(H, W, 3)`) with its faces.

        Raises:
            OutputError: it cannot be written, for example because the disk is full.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"expected a uint8 image (H, W, 3), got {image.dtype} {image.shape}")
        if self._pixels is None:
            raise ValueError("add pictures within the with block")
        height, width = image.shape[:2]
        start = self.pictures[-1].stop if self.pictures else 0
        picture = Picture(name, group, split, width, height, tuple(faces), tuple(ignored), start)
        try:
            self._pixels.write(np.ascontiguousarray(image).data)
        except OSError as error:
            raise self._unwritable(error) from error
        self.pictures.append(picture)
        return picture

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except OSError as failed:
            raise self._unwritable(failed) from failed
        finally:
            self._clean()

    def _finish(self) -> None:
        if not self.pictures:
            raise ConfigError(f"{self._folder}: there was no picture to write")
        assert self._pixels is not None
        self._pixels.seek(0)
        self._pixels.write(_header(3 * self.pictures[-1].stop))
        self._pixels.close()
        text = "".join(to_line(picture) for picture in self.pictures)
        (self._work / PICTURES).write_text(text, encoding="utf-8")
        facts = {**manifest(self.pictures, self._work), **self.facts}
        (self._work / MANIFEST).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        # Without a manifest a folder is no set: it goes first and comes last.
        (self._folder / MANIFEST).unlink(missing_ok=True)
        for name in (PIXELS, PICTURES, MANIFEST):
            (self._work / name).replace(self._folder / name)

    def _clean(self) -> None:
        if self._pixels is not None:
            self._pixels.close()
        shutil.rmtree(self._work, ignore_errors=True)
        for folder in self._made:
            if folder.exists() and not any(folder.iterdir()):
                folder.rmdir()

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(f"{self._folder}: cannot be written ({error.strerror or error}); what was there stays")


def manifest(pictures: Sequence[Picture], folder: Path) -> dict[str, Any]:
    """Counts for each split, and the SHA-256 of the two files in `folder`, singly and together."""
    files = {name: sha256_of(folder / name) for name in (PIXELS, PICTURES)}
    return {
        "format": FORMAT,
        "sha256": hashlib.sha256("".join(files.values()).encode()).hexdigest(),
        "files": files,
        "splits": {split: _counts([each for each in pictures if each.split == split]) for split in SPLITS},
    }


def _counts(pictures: Sequence[Picture]) -> dict[str, int]:
    faces = [face for picture in pictures for face in picture.faces]
    return {
        "pictures": len(pictures),
        "without faces": sum(not picture.faces for picture in pictures),
        "faces": len(faces),
        "with landmarks": sum(face.landmarks is not None for face in faces),
        "ignored regions": sum(len(picture.ignored) for picture in pictures),
    }


def _summed(rows: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {name: sum(row[name] for row in rows) for name in rows[0]}


def _header(length: int) -> bytes:
    """What `np.save` writes before `length` bytes of uint8."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (length,)})
    header = stream.getvalue()
    assert len(header) == _HEADER
    return header
