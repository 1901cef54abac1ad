"""Recording labelled faces from a camera or a file by the engine's reader, detector and alignment."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2

from engine.detectors.base import Detector
from engine.errors import Cause, ConfigError, SourceError
from engine.items import Image
from engine.redact import shown
from engine.sources.config import SourceConfig
from engine.sources.files import path_of
from engine.sources.reader import Reader, is_lossless, open_reader
from engine.stages.chip import ChipConfig, cut, judge, visible_share
from trainer.aligning import chosen
from trainer.sources.collected import Clip, add_clip


@dataclass(frozen=True, slots=True)
class Plan:
    """What to keep: every `every`-th picture's largest face, `limit` at most (None: all), if it passes `gates`."""

    label: str
    every: int = 1
    limit: int | None = None
    gates: ChipConfig = field(default_factory=ChipConfig)
    person: str | None = None


def source_config(address: str, option: str = "--source") -> SourceConfig:
    """The engine's source at `address`: `webcam:0`, a file or folder, an RTSP or HTTP address. Messages begin with
    `option`.

    Raises:
        ConfigError: the address is none that the engine opens, or a file that does not exist.
    """
    try:
        source = SourceConfig(id="collect", uri=address)
    except ValueError as error:  # pydantic's, whose message has its reason on an indented line
        reasons = [line.strip() for line in str(error).splitlines() if line.startswith("  ")]
        reason = reasons[0].removeprefix("Value error, ").split(" [type=")[0] if reasons else str(error)
        raise ConfigError(f"{option} {shown(address)!r}: {reason}") from error
    if is_lossless(source) and not path_of(source.uri).exists():
        raise ConfigError(f"{option} {source.uri}: no such file or folder")
    return source


def record(
    source: SourceConfig, detector: Detector, plan: Plan, out: Path, progress: Callable[[int, int], Any]
) -> Clip:
    """Write faces to `out/<label>/<clip>/NNNNNN.png` until the source ends, `plan.limit` is reached, or Ctrl-C.

    `progress` gets counts of pictures seen and faces kept since the last call. What was recorded is listed in
    `out/collected.json`.

    Raises:
        SourceError: the source cannot be opened or was lost. Faces recorded until then stay, and are listed.
    """
    reader = open_reader(source)
    folder = _new_folder(out / plan.label, _clip_name(source))
    tally = _Tally()
    try:
        _record_all(reader, detector, plan, folder, tally, progress)
    except SourceError as error:
        if error.cause != Cause.ENDED or (not is_lossless(source) and not tally.frames):
            raise
    except KeyboardInterrupt:
        pass  # the way to end a recording from a camera
    finally:
        reader.close()
        clip = Clip(
            folder.relative_to(out).as_posix(),
            plan.label,
            source.shown,
            detector.name,
            datetime.now(UTC).isoformat(timespec="seconds"),
            tally.frames,
            tally.kept,
            dict(sorted(tally.left_out.items())),
            plan.person,
        )
        if tally.kept:
            add_clip(out, clip)
        else:
            _remove_empty(folder, out)
    return clip


@dataclass(slots=True)
class _Tally:
    frames: int = 0
    kept: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def _record_all(
    reader: Reader,
    detector: Detector,
    plan: Plan,
    folder: Path,
    tally: _Tally,
    progress: Callable[[int, int], Any],
) -> None:
    while plan.limit is None or tally.kept < plan.limit:
        picture = reader.read()
        if picture is None:
            continue
        number, tally.frames = tally.frames, tally.frames + 1
        kept = 0
        if number % plan.every == 0:
            kept = _keep(picture.image, detector, plan, folder / f"{number:06d}.png", tally.left_out)
        tally.kept += kept
        progress(1, kept)


def _keep(image: Image, detector: Detector, plan: Plan, path: Path, left_out: Counter[str]) -> int:
    face = chosen(detector.detect([image])[0], "largest")
    if face is None:
        left_out["no face"] += 1
        return 0
    chip = cut(image, face, plan.gates.size)
    reasons = judge(face, chip, plan.gates, visible_share(image, face)).gated
    left_out.update(reasons)
    if reasons:
        return 0
    if not cv2.imwrite(str(path), chip):
        raise OSError(f"{path}: cannot be written; is the disk full?")
    return 1


def _clip_name(source: SourceConfig) -> str:
    """The file's name, or the camera's with the time."""
    if is_lossless(source):
        return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(source.uri).stem).strip("-") or "clip"
    return f"{source.kind}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _new_folder(place: Path, name: str) -> Path:
    folder, number = place / name, 1
    while folder.exists():
        number += 1
        folder = place / f"{name}-{number}"
    folder.mkdir(parents=True)
    return folder


def _remove_empty(folder: Path, out: Path) -> None:
    """An empty class folder would be refused by `prepare`."""
    while folder != out and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
