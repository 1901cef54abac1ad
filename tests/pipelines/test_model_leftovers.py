"""What a pull or an addition that does not end well leaves behind, and what becomes of it."""

import os
import resource
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import DownloadError, ModelError, MoodlineError
from engine.modelcard import find_model, user_folder
from pipelines.model_install import install
from pipelines.model_leftovers import at_work
from pipelines.model_templates import TEMPLATES
from pipelines.remote import CHUNK
from tests.support import networks
from tests.support.mirror import Mirror
from tests.support.pulling import Publish, files, member, moodline, run, zipped


def test_a_disk_that_fills_up_leaves_the_older_model_and_the_next_pull_goes_on(
    publish: Publish, page: Mirror, folder: Path, tmp_path: Path
):
    publish("net", networks.retinaface(tmp_path / "old.onnx", seed=9).read_bytes())
    run("pull", "net")
    before = files(folder)
    network = networks.retinaface(tmp_path / "new.onnx", seed=3).read_bytes()
    pack = zipped(net=network, filler=os.urandom(2 * CHUNK))
    publish("net", pack, member=member("net.onnx", network))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (CHUNK, hard))
    try:
        with pytest.raises(DownloadError, match="is full; make room and pull again"):
            run("pull", "net")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {name: content for name, content in files(folder).items() if name in before} == before
    assert "goes on at 16.4 kB" in run("pull", "net").output
    assert find_model("net").path.read_bytes() == network


def test_a_disk_that_fills_up_while_unpacking_keeps_what_was_fetched(
    publish: Publish, page: Mirror, folder: Path, network: bytes
):
    pack = zipped(net=network + bytes(100_000))  # packs to a fraction
    publish("net", pack, member=member("net.onnx", network + bytes(100_000)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(pack) + 10, hard))
    try:
        with pytest.raises(DownloadError, match="is full; make room"):
            run("pull", "net")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.suffix for path in (folder / ".pulling").iterdir()] == [".whole"]
    page.status = 500  # what was fetched is not asked for again
    with pytest.raises(ModelError, match="cannot be opened"):  # the zeros behind the network are no ONNX
        run("pull", "net")
    assert list(folder.iterdir()) == []


def test_what_was_fetched_stays_when_it_cannot_take_its_place(
    publish: Publish, network: bytes, page: Mirror, folder: Path
):
    publish("net", network)
    (folder / "net.onnx").mkdir(parents=True)  # in the way
    with pytest.raises(DownloadError, match=r"cannot be added to .*then pull again"):
        run("pull", "net")
    assert [path.suffix for path in (folder / ".pulling").iterdir()] == [".whole"]
    (folder / "net.onnx").rmdir()
    assert "pulled" in run("pull", "net").output
    assert len(page.asked) == 1 and sorted(files(folder)) == ["net.json", "net.onnx"]


def test_taking_the_place_needs_no_second_copy(network: bytes, folder: Path, tmp_path: Path):
    fetched = tmp_path / "fetched"
    fetched.write_bytes(network)
    model = install(fetched, replace(TEMPLATES["retinaface"](), name="net"), folder, ours=True)
    assert model.path.samefile(fetched)


def test_verify_tells_what_unfinished_pulls_left(publish: Publish, network: bytes, page: Mirror, folder: Path):
    publish("net", network + bytes(3 * CHUNK))
    page.cuts = [CHUNK, 0]
    with pytest.raises(DownloadError, match="stopped at"):
        run("pull", "net")
    (folder / ".adding-x").mkdir()
    left = [line for line in run("verify").output.splitlines() if line.startswith("left")]
    assert len(left) == 2
    assert f"{folder / '.pulling'}: 1 unfinished download, 16.4 kB;" in left[0] and ".adding-x" in left[1]


def test_what_killed_pulls_left_is_told_and_the_next_one_removes_it(publish: Publish, network: bytes, folder: Path):
    publish("net", network)
    waiting = folder / ".pulling"
    waiting.mkdir(parents=True)
    for name in ("tmp5qtsymm0", "0123.network", "0123.json"):
        (waiting / name).write_text("of no use")
    left = [line for line in run("verify").output.splitlines() if line.startswith("left")]
    assert [line.split()[1] for line in left] == [f"{path}:" for path in sorted(waiting.iterdir())]
    assert all("left by a pull that was killed; the next pull there removes it" in line for line in left)
    run("pull", "net")
    assert not waiting.exists()


def test_what_another_pull_works_on_is_left_alone(publish: Publish, network: bytes, folder: Path):
    publish("net", network)
    with at_work(folder / ".pulling"):
        (folder / ".pulling" / "tmp1").write_text("of that pull")
        run("pull", "net")
        assert "a pull is under way there" in run("verify").output
        assert (folder / ".pulling" / "tmp1").exists()
    assert run("verify").output.count("tmp1: left by a pull that was killed") == 1


def test_a_card_that_a_killed_addition_could_not_place_is_placed(
    publish: Publish, network: bytes, page: Mirror, folder: Path, tmp_path: Path
):
    publish("net", networks.retinaface(tmp_path / "old.onnx", seed=9).read_bytes())
    run("pull", "net")
    old = (folder / "net.json").read_text()
    publish("net", network)
    run("pull", "net")
    scratch = folder / ".adding-x"  # as after a kill between the two moves
    scratch.mkdir()
    (folder / "net.json").rename(scratch / "net.json")
    (folder / "net.json").write_text(old)
    with pytest.raises(MoodlineError, match="1 of 1 model failed"):
        run("verify", "net")
    asked = len(page.asked)
    assert "already in" in run("pull", "net").output
    assert len(page.asked) == asked and not scratch.exists()
    assert run("verify", "net").exit_code == 0


def test_an_interrupted_pull_ends_with_130_and_the_next_one_goes_on(publish: Publish, network: bytes, page: Mirror):
    publish("net", zipped(net=network, filler=os.urandom(9 * CHUNK)), member=member("net.onnx", network))
    page.cuts, page.stall = [5 * CHUNK], True
    first = subprocess.Popen(moodline("pull", "net"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert page.stalled.wait(60)
    asked, part = len(page.asked), user_folder() / ".pulling"
    while first.poll() is None and not any(path.stat().st_size == 5 * CHUNK for path in part.glob("*.part")):
        os.sched_yield()
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=60)
    assert first.returncode == 130
    assert "net: interrupted; what came is kept, and the next pull goes on from there" in said
    assert "Traceback" not in said
    page.stall = False
    second = subprocess.run(moodline("pull", "net"), capture_output=True, text=True, timeout=100)
    assert second.returncode == 0 and "Traceback" not in second.stderr
    assert "net: goes on at 0.1 MB of" in second.stdout
    assert page.asked[asked].offset == 5 * CHUNK
    assert find_model("net").path.read_bytes() == network


def test_a_killed_pull_leaves_nothing_for_ever(publish: Publish, network: bytes, page: Mirror, folder: Path):
    publish("net", network + bytes(9 * CHUNK))
    page.cuts, page.stall = [5 * CHUNK], True
    first = subprocess.Popen(moodline("pull", "net"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert page.stalled.wait(60)
    first.kill()
    first.wait(60)
    publish("net", network)
    page.stall = False
    run("pull", "net")
    assert all(path.suffix in (".part", ".json") for path in (folder / ".pulling").glob("*"))
