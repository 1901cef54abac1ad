"""`moodline models pull`, without the command line: fetch, unpack, try out, take the place."""

import shutil
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from engine.errors import ConfigError, DownloadError, ModelError
from engine.modelcard import Model, ModelCard, load_model, sha256_of
from engine.redact import redact
from pipelines.catalogue import Entry, Member
from pipelines.download import Say, fetch, not_kept
from pipelines.model_install import install, place
from pipelines.model_leftovers import PULLING, at_work
from pipelines.remote import Promise


def pull(entry: Entry, folder: Path, say: Say, timeout_s: float = 30.0) -> Model:
    """Download what `entry` promises and put its network into `folder`, with a card of licence and source.

    The network is tried before it takes its place; an older model of that name stays until then.

    Raises:
        DownloadError: it cannot be fetched or kept, or is not what was promised.
        ModelError: the network does not fit its kind.
        ConfigError: the archive does not hold the member that the catalogue names.
    """
    waiting = folder / PULLING
    try:
        with at_work(waiting):
            return _pulled(entry, folder, say, timeout_s)
    except OSError as error:
        raise not_kept(entry.name, waiting, error) from error


def _pulled(entry: Entry, folder: Path, say: Say, timeout_s: float) -> Model:
    promise = Promise(entry.name, entry.url, entry.size, entry.sha256)
    whole = fetch(promise, folder / PULLING, say, timeout_s, entry.member.size if entry.member else 0)
    network = whole if entry.member is None else _unpacked(whole, entry.name, entry.member)
    try:
        model = (install if entry.runs else place)(network, _card(entry), folder, ours=True)
    except ModelError as error:
        if isinstance(error.__cause__, OSError):  # of the disk; what was fetched is good
            _remove({network} - {whole})
            raise DownloadError(f"{error}; make room or see to its rights, then pull again") from error
        _remove({network, whole})
        raise ModelError(
            f"{error}; nothing installed has changed, and the catalogue is to be corrected: "
            f"is {entry.name!r} like {entry.like!r}?"
        ) from error
    _remove({network, whole})
    return model


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def present(entry: Entry, folder: Path) -> bool:
    """Whether `folder` holds the very network that `entry` promises, unharmed."""
    try:
        return load_model(folder / f"{entry.name}.onnx").card.sha256 == entry.network_sha256
    except ModelError:
        return False


def _card(entry: Entry) -> ModelCard:
    data: dict[str, object] = {"source": redact(entry.url), "commercial_use": entry.commercial}
    if entry.member is not None:
        data |= {"archive_sha256": entry.sha256, "member": entry.member.path}
    return replace(
        entry.template(),
        name=entry.name,
        version=entry.version,
        licence=entry.licence,
        sha256=entry.network_sha256,
        data=data,
        data_rights=entry.data_rights,
    )


def _unpacked(archive: Path, name: str, member: Member) -> Path:
    """The file `member` of the zip `archive`, beside it; its size and hash are checked."""
    target = archive.with_suffix(".network")
    try:
        with zipfile.ZipFile(archive) as opened:
            info = _find(opened, name, member)
            if info.file_size != member.size:
                raise ConfigError(
                    f"{name}: member.size: {member.path!r} has {info.file_size} bytes, not {member.size}; "
                    "correct the catalogue"
                )
            with opened.open(info) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:  # RuntimeError: encrypted, or packed unusually
        raise ConfigError(f"{name}: what the catalogue names is no zip archive that can be read: {error}") from error
    except OSError as error:
        target.unlink(missing_ok=True)
        raise not_kept(name, archive.parent, error) from error
    if sha256_of(target) != member.sha256:
        target.unlink()
        raise DownloadError(
            f"{name}: {member.path!r} in the archive is not the network promised: its sha256 is not "
            f"{member.sha256[:12]}…; nothing installed has changed"
        )
    return target


def _find(archive: zipfile.ZipFile, name: str, member: Member) -> zipfile.ZipInfo:
    """The member of that path, or the only one of that file name wherever it is packed."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    found = [info for info in infos if info.filename == member.path]
    found = found or [info for info in infos if Path(info.filename).name == Path(member.path).name]
    if len(found) != 1:
        names = ", ".join(info.filename for info in infos[:20])
        raise ConfigError(f"{name}: member.path: {member.path!r} is not in the archive; it holds {names}")
    return found[0]
