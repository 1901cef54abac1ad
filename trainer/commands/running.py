"""What commands that train have in common: the run folder they may write into, and the bar over an epoch."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from engine.errors import ConfigError
from trainer import runs

T = TypeVar("T")


def check_folder(folder: Path, epochs: int, resume: bool) -> None:
    """Refuse to write into what is there, unless asked to resume it.

    Raises:
        ConfigError: it exists and `resume` is off, is no run and `resume` is on, or can be no folder.
    """
    in_the_way = next((each for each in (folder, *folder.parents) if each.exists() and not each.is_dir()), None)
    if in_the_way is not None:
        raise ConfigError(f"--run {str(folder)!r}: {str(in_the_way)!r} is a file; name a folder")
    held = folder.is_dir() and any(folder.iterdir())
    if resume and not (folder / "config.yaml").is_file():
        raise ConfigError(f"--resume: {str(folder)!r} holds no run to go on with")
    if held and not resume:
        done = len(runs.history(folder))
        begun = (folder / "config.yaml").is_file()
        what = f"a run with {done} of {epochs} epochs done; go on with --resume, or" if begun else "files;"
        raise ConfigError(f"--run {str(folder)!r} holds {what} choose another folder")


def watched(batches: Iterable[T], count: int, what: str) -> Iterator[T]:
    """`batches` with a progress bar."""
    return iter(tqdm(batches, total=count, desc=what, unit="batch", leave=False, disable=None))
