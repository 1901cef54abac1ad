"""Fetching one promised file: with a progress bar, from where an earlier attempt stopped, and checked.

pooch decides whether a fetch is needed and checks the hash; what of the bytes stays is decided here.
"""

import errno
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import pooch
from tqdm import tqdm

from engine.errors import DownloadError
from engine.redact import redact
from engine.words import size_of
from pipelines.logs import is_json
from pipelines.remote import Answer, CutError, Promise, opened

TRIES = 5
"""So many connections, each of which brought something, one fetch may need."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_SPARE = 64 * 1024
"""Bytes of room for notes and a model card."""

Say = Callable[[str], None]


def fetch(promise: Promise, folder: Path, say: Say, timeout_s: float = 30.0, beside: int = 0) -> Path:
    """The promised file, in `folder`. `say` gets a line when an earlier attempt is taken up or given up.

    A fetch that ends early leaves its bytes in `folder`, and the next one goes on from there; `timeout_s`
    bounds each wait for the server. It is not begun without room for the file and `beside` bytes more.

    Raises:
        DownloadError: it cannot be reached, kept, or is not the one promised; then its bytes are removed.
    """
    pooch.get_logger().setLevel("WARNING")
    resuming = _Resuming(promise, folder, say, timeout_s, beside)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not _retrieved(promise, folder, resuming):
            say(f"{promise.name}: what was put together is not the file promised; it starts anew")
            _retrieved(promise, folder, resuming)
    except OSError as error:
        raise not_kept(promise.name, folder, error) from error
    return folder / _whole_name(promise)


def _whole_name(promise: Promise) -> str:
    return f"{promise.sha256[:16]}.whole"


def _retrieved(promise: Promise, folder: Path, resuming: "_Resuming") -> bool:
    """False where the bytes were of several answers, not all of one version: once more, from nothing, may help."""
    pieced = resuming.pieced
    try:
        pooch.retrieve(promise.url, f"sha256:{promise.sha256}", _whole_name(promise), folder, downloader=resuming)
    except ValueError as error:
        resuming.forget()
        if resuming.pieced and not pieced:
            return False
        raise DownloadError(
            f"{promise.name}: what {promise.host} gave is not the file promised: its sha256 is not "
            f"{promise.sha256[:12]}…; it was removed, and nothing installed has changed"
        ) from error
    resuming.forget()
    return True


def not_kept(name: str, folder: Path, error: OSError) -> DownloadError:
    """The error of a disk that is full or refuses, as what to tell the user."""
    if error.errno in _FULL:
        why = f"{str(folder)!r} is full; make room and pull again: it goes on where it stopped"
    else:
        why = f"{str(error.filename or folder)!r}: {error.strerror or error}"
    return DownloadError(f"{name}: {why}. Nothing installed has changed")


def _columns() -> int | None:
    """How wide a bar may be, where a terminal does not say how wide it is."""
    with suppress(OSError):
        if os.get_terminal_size(sys.stderr.fileno()).columns == 0:
            return 79
    return None


class _Resuming:
    """The downloader that pooch calls: fills a part file across attempts, then hands it over."""

    def __init__(self, promise: Promise, folder: Path, say: Say, timeout_s: float, beside: int) -> None:
        self._promise = promise
        self._folder = folder
        self._say = say
        self._timeout_s = timeout_s
        self._beside = beside
        # Named by the hash: another version in the catalogue never goes on with this one's bytes.
        self._part = folder / f"{promise.sha256[:16]}.part"
        self._notes = folder / f"{promise.sha256[:16]}.json"
        self._known = True
        self.pieced = False
        """Whether an answer ever went on with the bytes of another."""

    def __call__(self, _url: str, output_file: str, _pooch: object) -> None:
        with FileIO(self._part, "ab") as file:
            self._lock(file)
            try:
                self._check_room(file)
                self._go_on(file)
            finally:
                if not self._keeps(file):
                    self.forget()
            self._hand_over(Path(output_file))

    def forget(self) -> None:
        """Remove what was kept, and the notes about it."""
        self._part.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    def _keeps(self, file: FileIO) -> bool:
        return file.tell() == self._promise.size or (file.tell() > 0 and self._known)

    def _hand_over(self, target: Path) -> None:
        """Give pooch the part, and keep it: who is killed while the hash is computed loses nothing."""
        target.unlink()
        try:
            os.link(self._part, target)
        except OSError:  # a file system without links
            self._part.replace(target)

    def _go_on(self, file: FileIO) -> None:
        promise = self._promise
        if file.tell():
            self.pieced = True
            self._say(f"{promise.name}: goes on at {self._so_far(file)}")
        shape = {"unit": "B", "unit_scale": True, "ncols": _columns()}
        with tqdm(desc=promise.name, total=promise.size, disable=is_json() or None, **shape) as bar:
            bar.update(file.tell())
            self._fill(file, bar)

    def _lock(self, file: FileIO) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DownloadError(
                f"{self._promise.name}: another pull of it into {str(self._folder.parent)!r} is under way; let it end"
            ) from error

    def _check_room(self, file: FileIO) -> None:
        missing, free = self._promise.size - file.tell(), shutil.disk_usage(self._folder).free
        if missing + self._beside + _SPARE > free:
            more = f", {size_of(self._beside)} are needed to unpack it" if self._beside else ""
            raise DownloadError(
                f"{self._promise.name}: {size_of(missing)} are still to come{more} and {str(self._folder)!r} has room "
                f"for {size_of(free)}; make room and pull again, or name another folder with --to"
            )

    def _so_far(self, file: FileIO) -> str:
        return f"{size_of(file.tell())} of {size_of(self._promise.size)}"

    def _fill(self, file: FileIO, bar: Any) -> None:
        """Connect until all is there, as long as each connection brings something."""
        why = ""
        for _ in range(TRIES):
            before = file.tell()
            if before == self._promise.size:
                return
            with opened(self._promise, before, self._validator(), self._timeout_s) as answer:
                why = self._take(answer, file, bar)
            if file.tell() == before or not self._known:
                break
        if file.tell() != self._promise.size:
            kept = "what came is kept, and the next pull goes on from there"
            unknown = "it told neither length nor version, so nothing is kept: does it show a page to log in at?"
            raise DownloadError(
                f"{self._promise.name}: {self._promise.host} stopped at {self._so_far(file)} ({why}); "
                f"{kept if self._known else unknown}"
            )

    def _take(self, answer: Answer, file: FileIO, bar: Any) -> str:
        """Write what comes until it ends; returns why it did."""
        if answer.start is None or answer.start < file.tell():
            self._say(f"{self._promise.name}: {self._promise.host} does not go on there; it starts anew")
            self._forget(file, bar)
        if answer.start is None:
            return "it cannot go on there"
        if answer.start == 0:
            self._note(answer)
            self._known = answer.known
        else:
            self.pieced = True
        try:
            for chunk in answer.chunks:
                self._check_fits(len(chunk), file, bar)
                _write(file, chunk)
                bar.update(len(chunk))
        except CutError as cut:
            return str(cut)
        if answer.whole:  # a login page, say, which must not become the beginning of the file
            self._check_whole(file, bar)
        return "the connection ended"

    def _check_whole(self, file: FileIO, bar: Any) -> None:
        if (size := file.tell()) != self._promise.size:
            self._forget(file, bar)
            self._promise.check_size(size)

    def _check_fits(self, count: int, file: FileIO, bar: Any) -> None:
        if file.tell() + count > self._promise.size:
            self._forget(file, bar)
            raise DownloadError(
                f"{self._promise.name}: {self._promise.host} gave more than the {self._promise.size} bytes promised; "
                "it was removed, and nothing installed has changed"
            )

    def _forget(self, file: FileIO, bar: Any) -> None:
        bar.reset(total=self._promise.size)
        file.seek(0)
        file.truncate()
        self._notes.unlink(missing_ok=True)

    def _note(self, answer: Answer) -> None:
        notes = {"url": redact(self._promise.url), "validator": answer.validator}
        self._notes.write_text(json.dumps(notes), encoding="utf-8")

    def _validator(self) -> str | None:
        """What was noted of the bytes that are there, if they came from the same address."""
        with suppress(OSError, ValueError, AttributeError):
            notes = json.loads(self._notes.read_text(encoding="utf-8"))
            validator = notes.get("validator")
            if notes.get("url") == redact(self._promise.url) and isinstance(validator, str):
                return validator
        return None


def _write(file: FileIO, chunk: bytes) -> None:
    """All of `chunk`: a nearly full disk takes a part of it before it refuses."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]
