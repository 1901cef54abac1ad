"""What is installed against what is imported; with the standard library alone, as the rest may be broken."""

import base64
import csv
import hashlib
import re
from collections.abc import Iterator, Sequence
from importlib import metadata, util
from pathlib import Path

OURS = ("engine", "pipelines", "trainer")
NAME = "moodline"
OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
_SHOWN = 3


def intruders(distributions: Sequence[metadata.Distribution] | None = None) -> list[str]:
    """A line for each package of others that has put files where moodline's own are.

    The names `engine`, `pipelines` and `trainer` are plain, and pip lets two packages write into one folder.
    """
    lines = []
    for dist in _all(distributions):
        files = [path for path, _, _ in _recorded(dist) if _top(path) in OURS]
        if files and _name(dist) != NAME:
            tops = sorted({_top(file) for file in files})
            lines.append(
                f"{_name(dist)} {dist.version} has put {_some(files)} into {' and '.join(tops)}, where moodline's own "
                f"files are; remove it (pip uninstall {_name(dist)}), then install moodline again"
            )
    return lines


def strays(home: Path | None = None) -> list[str]:
    """A line for each of moodline's packages that Python finds elsewhere than this file's folder's folder."""
    own = home or here()
    lines = []
    for name in OURS:
        found = _place(name)
        if found is not None and found != own / name:
            lines.append(f"{name!r} is imported from {found}, but moodline is in {own}; look at PYTHONPATH")
    return lines


def here() -> Path:
    """The folder that moodline's packages are in."""
    return Path(__file__).resolve().parents[1]


def altered(name: str, below: Sequence[str], distributions: Sequence[metadata.Distribution] | None = None) -> list[str]:
    """Files of the distribution `name` within the folders `below` that are not as it installed them, or are gone."""
    found = []
    for dist in _all(distributions):
        for path, digest, size in _recorded(dist) if _name(dist) == name else ():
            if _top(path) in below and not _as_installed(Path(str(dist.locate_file(path))), digest, size):
                found.append(path)
    return found


def overwritten(name: str, below: Sequence[str], distributions: Sequence[metadata.Distribution] | None = None) -> str:
    """`altered` as a line; empty where all is well."""
    files = altered(name, below, distributions)
    return f"{name}: {_some(files)} {'is' if len(files) == 1 else 'are'} not as installed" if files else ""


def opencv(imported: str, distributions: Sequence[metadata.Distribution] | None = None) -> list[str]:
    """A line for everything that is wrong with OpenCV, of which version `imported` is in use."""
    there = {_name(dist): dist.version for dist in _all(distributions) if _name(dist) in OPENCV}
    remedy = "pip uninstall -y " + " ".join(there) + " && pip install 'opencv-python-headless>=4.12,<5'"
    lines = []
    if len(there) > 1:
        both = " and ".join(f"{name} {version}" for name, version in there.items())
        lines.append(f"{both} overwrite each other's files, and {imported} is imported; {remedy}")
    elif there and not any(_same(version, imported) for version in there.values()):
        ((name, version),) = there.items()
        lines.append(f"{imported} is imported, but {name} {version} is installed; {remedy}")
    if int(re.split(r"\D", imported, maxsplit=1)[0] or 0) >= 5:
        lines.append(f"OpenCV {imported} has no Haar cascades, so the model 'haar' cannot be used; {remedy}")
    if len(there) == 1 and (line := overwritten(next(iter(there)), ["cv2"], distributions)):
        lines.append(f"{line}; {remedy}")
    return lines


def _same(version: str, imported: str) -> bool:
    """The wheel 4.14.0.94 holds OpenCV 4.14.0."""
    return version == imported or version.startswith(f"{imported.partition('-')[0]}.")


def _all(distributions: Sequence[metadata.Distribution] | None) -> Iterator[metadata.Distribution]:
    """Each name once: the first on the path is the one that is in use."""
    seen = set()
    for dist in metadata.distributions() if distributions is None else distributions:
        if _name(dist) not in seen:
            seen.add(_name(dist))
            yield dist


def _name(dist: metadata.Distribution) -> str:
    return re.sub(r"[-_.]+", "-", dist.metadata["Name"] or "unnamed").lower()


def _top(file: str) -> str:
    return file.split("/", 1)[0].removesuffix(".py")


def _place(name: str) -> Path | None:
    spec = util.find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if places:
        return Path(places[0]).resolve()
    return Path(spec.origin).resolve() if spec and spec.origin else None


def _recorded(dist: metadata.Distribution) -> Iterator[tuple[str, str, str]]:
    """Each file that the distribution says is its own: where it is, its hash as `sha256=…` and its size, or empty."""
    for row in csv.reader((dist.read_text("RECORD") or "").splitlines()):
        path, digest, size = [*row, "", ""][:3]
        yield path, digest, size


def _as_installed(path: Path, digest: str, size: str) -> bool:
    """By size, then by hash, where the distribution has written them down; compiled files it has not."""
    kind, _, wanted = digest.partition("=")
    if kind not in hashlib.algorithms_guaranteed:
        return True
    try:
        if size.isdigit() and path.stat().st_size != int(size):
            return False
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, kind).digest()
    except OSError:
        return False
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode() == wanted


def _some(files: Sequence[str]) -> str:
    """The files by name where they are few."""
    shown = ", ".join(sorted(files)[:_SHOWN])
    return shown if len(files) <= _SHOWN else f"{len(files)} files ({shown}, …)"
