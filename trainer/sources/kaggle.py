"""Data sets from Kaggle, downloaded by its own client with the user's credentials."""

import contextlib
import io
import os
import re
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from engine.errors import ConfigError, MoodlineError

PREFIX = "kaggle:"
_SLUG = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9._-]+")
_HELP = "put a token into KAGGLE_API_TOKEN or ~/.kaggle/access_token (made at https://www.kaggle.com/settings)"


def cache_folder() -> Path:
    """Where downloads stay: `$XDG_CACHE_HOME/moodline/kaggle`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "moodline" / "kaggle"


def download(slug: str, cache: Path | None = None) -> Path:
    """The unpacked data set `owner/slug` of Kaggle, from `cache` where it was downloaded before.

    Raises:
        ConfigError: the name is none, or there are no valid credentials.
        MoodlineError: Kaggle cannot be reached, knows no such data set, or sent something else than an archive.
    """
    if not _SLUG.fullmatch(slug) or ".." in slug:
        raise ConfigError(f"{PREFIX}{slug}: expected {PREFIX}owner/name, as in the data set's address")
    folder = (cache or cache_folder()) / slug
    if folder.is_dir():
        return folder
    draft = folder.with_name(folder.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        archive = _fetch(slug, draft)
        unpack(archive, draft / "data")
        (draft / "data").rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _fetch(slug: str, into: Path) -> Path:
    said = io.StringIO()
    try:
        # The client prints where the user expects results, looks for credentials while it is imported, and
        # calls exit() when it finds none.
        with contextlib.redirect_stdout(said):
            _client().dataset_download_files(slug, path=str(into), quiet=True)
    except SystemExit as error:
        raise ConfigError(f"{PREFIX}{slug}: no Kaggle credentials; {_HELP}") from error
    except OSError as error:  # the base of everything the client's HTTP library raises
        raise _explained(slug, error) from error
    archives = list(into.glob("*.zip"))
    if len(archives) != 1:
        raise MoodlineError(f"{PREFIX}{slug}: the download gave no archive")
    return archives[0]


def _client() -> Any:
    from kaggle.api.kaggle_api_extended import KaggleApi

    client = KaggleApi()
    client.authenticate()
    return client


def _explained(slug: str, error: OSError) -> MoodlineError:
    code = getattr(getattr(error, "response", None), "status_code", None)
    if code == 401:
        return ConfigError(f"{PREFIX}{slug}: Kaggle refuses the credentials; {_HELP}")
    if code == 403:
        return MoodlineError(
            f"{PREFIX}{slug}: Kaggle refuses access; is the name right, and are its terms accepted on its page?"
        )
    if code == 404:
        return MoodlineError(f"{PREFIX}{slug}: Kaggle knows no such data set; is the name right?")
    if code is not None:
        return MoodlineError(f"{PREFIX}{slug}: Kaggle answered with error {code}; try again later")
    return MoodlineError(f"{PREFIX}{slug}: Kaggle cannot be reached ({type(error).__name__}); is there a network?")


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the zip file `archive` into the new `folder`.

    Raises:
        MoodlineError: it is no zip file or damaged, or a member would land outside of `folder` or is a link.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            for member in packed.infolist():
                _refuse_escape(archive, member)
            folder.mkdir(parents=True)
            packed.extractall(folder)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as error:
        raise MoodlineError(f"{archive.name}: no zip archive, or damaged ({error}); download it again") from error


def _refuse_escape(archive: Path, member: zipfile.ZipInfo) -> None:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or stat.S_ISLNK(member.external_attr >> 16):
        raise MoodlineError(f"{archive.name}: member {member.filename!r} leads out of the archive; it is not unpacked")
