"""What is in dist: built from src, byte by byte, small, licensed, and asking nobody else."""

import gzip
import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.web.conftest import WEB, pinned

DIST = WEB / "dist"


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.timeout(400)
def test_dist_is_what_the_sources_give_byte_by_byte(workshop: Path) -> None:
    subprocess.run(["node", "build.mjs"], cwd=workshop, check=True, capture_output=True, timeout=200)
    built, kept = files(workshop / "dist"), files(DIST)
    assert sorted(built) == sorted(kept), "run: make web"
    assert [name for name in built if built[name] != kept[name]] == [], "run: make web"


@pytest.mark.timeout(400)
def test_types_hold_and_with_them_every_language_has_every_text(workshop: Path) -> None:
    compiler = Path("node_modules", "typescript", "bin", "tsc")
    done = subprocess.run(
        ["node", compiler, "--noEmit"], cwd=workshop, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_everything_together_is_small() -> None:
    assert sum(len(gzip.compress(body, 9)) for body in files(DIST).values()) < 150_000


def test_names_in_assets_carry_the_hash_of_what_is_in_them() -> None:
    for name, body in files(DIST).items():
        if name.startswith("assets/"):
            assert hashlib.sha256(body).hexdigest()[:12] in name


def test_versions_are_exact_and_no_address_to_download_from_is_kept() -> None:
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in pinned().values()), pinned()
    assert not list(WEB.glob("*lock*"))


def test_what_is_from_others_is_listed_with_licence_and_hash() -> None:
    text = (DIST / "LICENSES.txt").read_text()
    for name in json.loads((WEB / "package.json").read_text())["dependencies"]:
        assert f"{name} {pinned()[name]} (" in text
    assert "Permission is hereby granted" in text and len(re.findall(r"^  [0-9a-f]{64}  ", text, re.M)) >= 5


def test_dist_names_no_other_place_to_load_from() -> None:
    for name, body in files(DIST).items():
        if not name.endswith(".txt"):
            found = set(re.findall(rb"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^\s\"'`)]*", body))
            assert {one for one in found if not one.startswith(b"http://www.w3.org/")} == set(), name


def test_pages_have_nothing_inline() -> None:
    for page in (path.read_text() for path in DIST.glob("*.html")):
        assert re.findall(r"<script(?![^>]* src=)", page) == [] and "<style" not in page
        assert re.findall(r"\s(?:style|on\w+)=", page) == []


def test_texts_of_all_languages_fill_in_the_same_values() -> None:
    """The keys are held to by types; what is in braces is not."""
    tables = {
        path.stem: dict(re.findall(r'^  "([^"]+)":\s*"(.*)",$', path.read_text(encoding="utf-8"), re.M))
        for path in (WEB / "src" / "text").glob("??.ts")
    }
    english = tables.pop("en")
    assert len(english) > 150 and tables
    for language, texts in tables.items():
        for key, text in texts.items():
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[key])), (language, key)
