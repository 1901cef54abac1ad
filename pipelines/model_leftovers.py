"""What pulls and additions that were killed have left: finished, swept away, or told."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.modelcard import ModelCard, card_path, sha256_of
from engine.words import counted, size_of

PULLING = ".pulling"
"""The folder, within that of the models, in which downloads wait until they are whole."""
SCRATCH = ".adding-"
"""How the folder begins in which a model is made ready; one that nobody works in was left by a killed process."""


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Be one of the pulls that work in `folder`. The first removes what killed ones left, the last an empty folder.

    Raises:
        OSError: the folder cannot be made or opened.
    """
    descriptor = _joined(folder)
    try:
        yield
    finally:
        if _alone(descriptor):
            with suppress(OSError):  # what is to be kept lies in it
                folder.rmdir()
        os.close(descriptor)


def _joined(folder: Path) -> int:
    """A descriptor of `folder` with a shared lock on it."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # another pull has ended meanwhile, and removed it
            descriptor = _opened(folder)
            try:
                _sweep(folder, descriptor)
                folder.stat()
            except OSError:
                os.close(descriptor)
                raise
            return descriptor


def _sweep(folder: Path, descriptor: int) -> None:
    """Remove what is of no use, if nobody else is there, and hold a shared lock from then on."""
    if _alone(descriptor):
        for path in _useless(folder):
            path.unlink(missing_ok=True)
    _lock(descriptor, fcntl.LOCK_SH)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)


def _lock(descriptor: int, kind: int) -> bool:
    """False where another holds it, or where the file system has no such locks."""
    try:
        fcntl.flock(descriptor, kind)
    except OSError:
        return False
    return True


def _alone(descriptor: int) -> bool:
    return _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _useless(waiting: Path) -> list[Path]:
    """What no pull goes on with: pooch's temporary files, what was unpacked, notes without their part."""
    return [path for path in sorted(waiting.iterdir()) if path.is_file() and not _is_of_use(path)]


def _is_of_use(path: Path) -> bool:
    return path.suffix in (".part", ".whole") or (path.suffix == ".json" and path.with_suffix(".part").exists())


@contextmanager
def adding(folder: Path) -> Iterator[None]:
    """Be the only one that puts models into `folder`; what killed additions left there is finished or removed.

    Raises:
        OSError: the folder cannot be opened.
    """
    descriptor = _opened(folder)
    try:
        if _lock(descriptor, fcntl.LOCK_EX):
            _settle(folder)
        yield
    finally:
        os.close(descriptor)


def settle(folder: Path) -> None:
    """Finish or remove what killed additions have left in `folder`, if it is there and may be written."""
    if any(folder.glob(f"{SCRATCH}*")):
        with suppress(OSError), adding(folder):
            pass


def _settle(folder: Path) -> None:
    for scratch in folder.glob(f"{SCRATCH}*"):
        for card in scratch.glob("*.json"):
            network = folder / card.with_suffix(".onnx").name
            if not card.with_suffix(".onnx").exists() and _describes(card, network):
                card.replace(card_path(network))  # only its own move was still to come
        shutil.rmtree(scratch, ignore_errors=True)


def _describes(card: Path, network: Path) -> bool:
    try:
        return ModelCard.from_json(card.read_text(encoding="utf-8")).sha256 == sha256_of(network)
    except (OSError, ValueError):
        return False


def leftovers(folder: Path) -> Iterator[str]:
    """One line for each thing in `folder` that an unfinished pull or addition left there."""
    waiting = folder / PULLING
    if waiting.is_dir():
        try:
            yield from _unfinished(waiting)
        except OSError as error:
            yield f"{waiting}: cannot be read: {error.strerror}"
    for path in sorted(folder.glob(f"{SCRATCH}*")):
        yield f"{path}: left by an addition that was killed; the next pull or addition there finishes or removes it"


def _unfinished(waiting: Path) -> Iterator[str]:
    descriptor = _opened(waiting)
    try:
        if not _alone(descriptor):
            yield f"{waiting}: a pull is under way there"
            return
    finally:
        os.close(descriptor)
    parts = [path for path in waiting.iterdir() if path.suffix in (".part", ".whole")]
    if parts:
        size = size_of(sum(path.stat().st_size for path in parts))
        many = counted(len(parts), "unfinished download")
        yield f"{waiting}: {many}, {size}; pull again to go on, or delete the folder"
    for path in sorted(waiting.iterdir()):
        if not _is_of_use(path):
            yield f"{path}: left by a pull that was killed; the next pull there removes it"
