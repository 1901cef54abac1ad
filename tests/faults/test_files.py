"""What files do to `moodline`, told by the whole program: one row each of docs/reliability.md, section Files."""

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.faults.conftest import ffmpeg
from tests.support.program import command, moodline


def _analyze(*arguments):
    return moodline("analyze", *arguments, "--every", "0.3")


def _one_line(done, code):
    """The only line on standard error beside the progress bar; no traceback."""
    assert done.returncode == code, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("moodline: ")]
    assert len(said) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return said[0]


def test_a_trimmed_file_is_whole(film):
    done = _analyze(ffmpeg(f"-ss 1.3 -i {film} -c copy", film.with_name("trim.mp4")))
    assert done.returncode == 0, done.stderr
    assert "damaged" not in done.stdout + done.stderr
    assert re.search(r": 2[4-6] frames, 1 tracks", done.stdout)


def test_a_hole_in_time_ends_a_track(film):
    two = ffmpeg(
        f"-i {film} -vf setpts='if(lt(N,22),N/15,4+N/15)/TB' -fps_mode vfr -c:v libx264", film.with_name("hole.mkv")
    )
    done = _analyze(two)
    assert done.returncode == 0, done.stderr
    assert "45 frames, 2 tracks" in done.stdout
    seconds = [float(row.split()[3]) for row in done.stdout.splitlines() if re.match(r" +[12] ", row)]
    assert seconds == pytest.approx([1.4, 1.5], abs=0.35)


def test_a_cut_file_gives_what_is_there_and_exits_with_1(film):
    whole = ffmpeg(f"-i {film} -c:v libx264 -g 5 -movflags +faststart", film.with_name("fast.mp4"))
    cut = whole.with_name("cut.mp4")
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    done = _analyze(cut)
    assert "ended early at" in _one_line(done, 1)
    assert "1 tracks" in done.stdout


def test_a_transport_stream_with_a_hole_says_how_much_was_lost(clips):
    data = bytearray(clips["moving.ts"].read_bytes())
    start = len(data) // 3 // 188 * 188
    del data[start : start + 40 * 188]
    path = clips.folder / "holed.ts"
    path.write_bytes(data)
    done = _analyze(path)
    assert done.returncode == 0, done.stderr
    frames, lost, damaged = map(int, re.findall(r": (\d+) frames \((\d+) lost, (\d+) damaged\)", done.stdout)[0])
    assert frames == pytest.approx(100, abs=1)
    assert lost + damaged > 5
    assert f"{lost + damaged} of {frames} frames could not be read" in done.stderr


def test_photographs_of_any_size_are_told_from_a_sequence_and_fit_one_video(portrait, tmp_path):
    folder = tmp_path / "people"
    folder.mkdir()
    face = cv2.imread(str(portrait))
    cv2.imwrite(str(folder / "a.jpg"), face)
    cv2.imwrite(str(folder / "b.ppm"), np.ascontiguousarray(face[:360, 120:420][:, ::-1]))
    cv2.imwrite(str(folder / "c.tif"), cv2.resize(face[:300, 100:360], None, fx=2, fy=2))
    (folder / "d.jfif").write_bytes(b"\r\n" + (folder / "a.jpg").read_bytes() + b"\0\0")
    (folder / "._a.jpg").write_bytes(b"\0\5\26\7 left by another system")
    seen = tmp_path / "seen.mp4"
    done = _analyze(folder, "-o", seen)
    assert done.returncode == 0, done.stderr
    assert "4 frames, 4 tracks" in done.stdout
    probed = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=width,height,nb_frames", "-of", "csv=p=0", seen],
        capture_output=True, text=True, check=True, timeout=20,
    )  # fmt: skip
    assert probed.stdout.split()[0] == "520,600,4"


def test_half_a_face_is_told_to_be_cut_and_gets_no_label(portrait, tmp_path):
    half = tmp_path / "half.png"
    cv2.imwrite(str(half), cv2.imread(str(portrait))[:, :226])
    done = _analyze(half, "--events", tmp_path / "events.jsonl")
    assert done.returncode == 0, done.stderr
    events = (tmp_path / "events.jsonl").read_text()
    assert '"gated":["cut"]' in events
    assert "emotion_changed" not in events


@pytest.mark.parametrize("name", [b"line\nbreak.mp4", b"caf\xe9.mp4", b"a%20b:c.mp4"])
def test_names_of_any_bytes_are_read_and_shown_on_one_line(film, tmp_path, name):
    path = os.fsencode(tmp_path) + b"/" + name
    Path(os.fsdecode(path)).write_bytes(film.read_bytes())
    done = subprocess.run(
        command("analyze", os.fsdecode(path), "--every", "1"), capture_output=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first = done.stdout.decode().splitlines()[0]
    assert "45 frames, 1 tracks" in first


KINDS = {
    # name: (content, what is said of it)
    "nowhere.mp4": (None, "no such file or folder"),
    "notes.mp4": (b"not a film " * 40, "not a video or picture that is supported"),
    "phone.jpg": (b"\0\0\0\x18ftypheic" + bytes(400), "a HEIC photograph"),
    "paper.png": (b"%PDF-1.7" + bytes(400), "a PDF document"),
    "half.mkv": (b"\x1aE\xdf\xa3" + bytes(400), "damaged: it begins like Matroska"),
    "cut.png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\x08\2\0\0\0", "damaged: cannot be decoded"),
    "bomb.png": (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x80\0\0\0\x80\0\x08\2\0\0\0",
        "32768x32768 is more than max_pixels",
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_not_found_not_supported_and_damaged_are_three_words(tmp_path, name):
    content, says = KINDS[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = _analyze(tmp_path / name)
    assert done.returncode in (1, 2)
    assert says in _one_line(done, done.returncode)


def test_a_full_disk_under_standard_output_is_one_line(portrait):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("analyze", portrait), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
    assert "No space left on device" in _one_line(done, 1)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{id: on, uri: a.mp4}", "write it in quotes"),
        ("{id: a, uri: ~nobody-at-all/x.mp4}", "no such home folder"),
        ("{id: a, uri: a.mp4, rotate: 45}", "sources[0].rotate"),
    ],
)
def test_what_cannot_be_right_is_said_by_check(tmp_path, source, says):
    path = tmp_path / "a.yaml"
    path.write_text(f"name: x\nsources: [{source}]\n")
    assert says in _one_line(moodline("check", path), 2)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become an account without a home")
def test_an_account_without_a_home_finds_the_shipped_models():
    become = "import os; from engine import modelcard; os.environ.pop('HOME', 0); os.environ.pop('XDG_DATA_HOME', 0)"
    look = "os.setuid(54321); print(modelcard.search_path() == (modelcard.SHIPPED,))"
    done = subprocess.run(
        [sys.executable, "-c", f"{become}; {look}"], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "MOODLINE_MODELS": ""},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("True\n", "")
