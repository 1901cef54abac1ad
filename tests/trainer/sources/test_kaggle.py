"""Downloads through Kaggle's own client, from a server on this machine."""

import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.errors import ConfigError, MoodlineError
from trainer.sources.kaggle import download, unpack

KEYS = {"KAGGLE_USERNAME": "anna", "KAGGLE_KEY": "secret"}
FETCH = """
import sys
from pathlib import Path
from engine.errors import MoodlineError
from trainer.sources.kaggle import download
try:
    print(download(sys.argv[1], Path(sys.argv[2])))
except MoodlineError as error:
    print(f"{type(error).__name__}: {error}")
"""


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Knows one data set, `anna/faces`, and one user."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.headers.get("Authorization", "").startswith("Basic YW5uYTpzZWNyZXQ"):
            return self.answer(401, b"{}")
        if (body["ownerSlug"], body["datasetSlug"]) != ("anna", "faces"):
            return self.answer(404, b"{}")
        return self.answer(200, zipped({"faces/angry/1.png": b"1", "faces/happy/2.png": b"2"}))

    def answer(self, code, data):
        self.send_response(code)
        self.send_header("Content-Type", "application/zip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def fetch(slug: str, folder: Path, proxy: str, keys: dict[str, str]) -> str:
    """What a process says whose Kaggle client is told to talk to http://localhost, through `proxy`."""
    plain = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and "KAGGLE" not in name}
    told = {"HOME": str(folder), "KAGGLE_API_ENVIRONMENT": "LOCALHOST", "http_proxy": proxy}
    done = subprocess.run(
        [sys.executable, "-c", FETCH, slug, str(folder / "cache")],
        env=plain | told | keys,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_a_data_set_is_downloaded_unpacked_and_kept(tmp_path, server):
    folder = tmp_path / "cache" / "anna" / "faces"
    assert fetch("anna/faces", tmp_path, server, KEYS) == str(folder)
    assert sorted(path.name for path in folder.rglob("*.png")) == ["1.png", "2.png"]
    assert [path.name for path in folder.parent.iterdir()] == ["faces"]
    assert download("anna/faces", tmp_path / "cache") == folder  # neither network nor credentials


@pytest.mark.parametrize(
    ("slug", "keys", "said"),
    [
        ("anna/faces", {}, "ConfigError: kaggle:anna/faces: no Kaggle credentials; put a token into KAGGLE_API_TOKEN"),
        ("anna/faces", KEYS | {"KAGGLE_KEY": "old"}, "ConfigError: kaggle:anna/faces: Kaggle refuses the credentials"),
        ("anna/none", KEYS, "MoodlineError: kaggle:anna/none: Kaggle knows no such data set"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, server, slug, keys, said):
    line = fetch(slug, tmp_path, server, keys)
    assert line.startswith(said) and "\n" not in line
    assert not (tmp_path / "cache" / "anna" / "faces").exists()


def test_no_network_is_said_in_one_line(tmp_path):
    line = fetch("anna/faces", tmp_path, "http://127.0.0.1:9", KEYS)
    assert line.startswith("MoodlineError: kaggle:anna/faces: Kaggle cannot be reached") and "\n" not in line


@pytest.mark.parametrize("slug", ["faces", "anna/faces/3", "../faces", "anna/..", ""])
def test_a_name_that_is_none_is_refused_before_anything_is_asked(tmp_path, slug):
    with pytest.raises(ConfigError, match="expected kaggle:owner/name"):
        download(slug, tmp_path)


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil", "a/../../evil", "..\\evil"])
def test_a_member_that_leads_outside_is_refused(tmp_path, name):
    archive = tmp_path / "set.zip"
    archive.write_bytes(zipped({"fine.png": b"", name: b""}))
    with pytest.raises(MoodlineError, match="leads out of the archive"):
        unpack(archive, tmp_path / "data")
    assert list(tmp_path.iterdir()) == [archive]


def test_a_link_in_an_archive_is_refused(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr(link, "/etc")
    with pytest.raises(MoodlineError, match="leads out of the archive"):
        unpack(tmp_path / "set.zip", tmp_path / "data")


def test_a_damaged_archive_is_named(tmp_path):
    (tmp_path / "set.zip").write_bytes(b"no archive")
    with pytest.raises(MoodlineError, match=r"set\.zip: no zip archive, or damaged"):
        unpack(tmp_path / "set.zip", tmp_path / "data")
