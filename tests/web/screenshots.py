"""The pictures of the dashboard in docs: `python -m tests.web.screenshots CLIP [CLIP...] [-- CLIP...]`.

Frames of the first clips can be seen, so their licence must allow it, and docs/screenshots/README.md credits them. Of
those behind `--` only numbers are shown.
"""

import io
import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image

from tests.support.browser import chromium
from tests.support.program import Running

OUT = Path(__file__).parents[2] / "docs" / "screenshots"
NAMES = ("entrance", "hall", "lounge", "desk", "yard", "stairs")
SECONDS = 60
LARGEST = 290_000
HEAD = """
name: lobby
mode: live
bus: {url: "memory://"}
history: {url: "sqlite:///shown.db"}
api: {port: 0, sources: {enabled: true}}
stages: {detect: {every_s: 0.1}}
sources:
"""
# name, place, theme, width, height
SEEN = (
    ("live-dark", "live", "dark", 1280, 720),
    ("live-phone", "live", "dark", 390, 780),
    ("tracks-phone", "tracks", "light", 390, 780),
)
COUNTED = (
    ("person-dark", "longest", "dark", 1280, 900),
    ("insights-light", "insights", "light", 1280, 1100),
    ("engine-light", "engine", "light", 1280, 1000),
)


def main(clips: list[str]) -> None:
    """Photograph an engine that looks at the clips before `--`, then one that looks at all."""
    split = clips.index("--") if "--" in clips else len(clips)
    photograph(clips[:split], SEEN)
    photograph(clips[:split] + clips[split + 1 :], COUNTED)


def photograph(clips: list[str], shots: tuple[tuple[str, str, str, int, int], ...]) -> None:
    """Run an engine on `clips` for a while and take `shots` of it."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "shown.yaml")
        lines = [
            f'  - {{id: {name}, uri: "{address(clip)}", loop: true, fps: 8}}\n'
            for name, clip in zip(NAMES, clips, strict=False)
        ]
        config.write_text(HEAD + "".join(lines))
        with Running(Path(folder, "log"), "run", config, cwd=Path(folder)) as program:
            program.wait_ready(90)
            time.sleep(SECONDS)
            with chromium("--force-color-profile=srgb", "--hide-scrollbars") as browser:
                for shot in shots:
                    take(browser, program.url, *shot)


def address(clip: str) -> str:
    return clip if clip == "demo:" else str(Path(clip).resolve())


def take(browser: Any, url: str, name: str, place: str, theme: str, width: int, height: int) -> None:
    size = {"width": width, "height": height}
    context = browser.new_context(viewport=size, color_scheme=theme, locale="en-GB", timezone_id="UTC")
    page = context.new_page()
    page.goto(f"{url}/#/{f'tracks/{longest(url)}' if place == 'longest' else place}")
    page.wait_for_selector("main h1")
    page.wait_for_timeout(6000 if place in ("live", "engine") else 3000)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    context.close()
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}.png"
    picture.save(path, optimize=True)
    if path.stat().st_size > LARGEST:
        # 256 colours do, mostly; rare ones (a dot, a bar) are lost.
        picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


def longest(url: str) -> str:
    """The person who showed most: many changes, long in view."""
    with urllib.request.urlopen(f"{url}/api/v1/tracks?limit=200", timeout=10) as answer:
        tracks = json.load(answer)["items"]
    found: str = max(tracks, key=lambda track: (track["events"], track["duration_s"]))["track_uid"]
    return found


if __name__ == "__main__":
    main(sys.argv[1:] or ["demo:"])
