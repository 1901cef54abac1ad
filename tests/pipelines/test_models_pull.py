"""`moodline models pull` as a whole: from a catalogue and a real server to a model that the engine opens."""

import hashlib
import io
import os
import pty
import resource
import signal
import socket
import subprocess
import sys
import termios
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from engine.errors import ConfigError, DownloadError, ModelError, MoodlineError
from engine.modelcard import find_model, load_model, user_folder
from pipelines.model_install import install
from pipelines.model_leftovers import at_work
from pipelines.model_templates import TEMPLATES
from pipelines.models_cli import models
from pipelines.remote import CHUNK
from tests.support import networks
from tests.support.mirror import Mirror, mirror


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("MOODLINE_MODELS", "MOODLINE_CATALOGUE", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return user_folder()


@pytest.fixture
def page() -> Iterator[Mirror]:
    with mirror() as running:
        yield running


@pytest.fixture
def network(tmp_path: Path) -> bytes:
    return networks.retinaface(tmp_path / "published.onnx", seed=3).read_bytes()


Publish = Callable[..., dict[str, Any]]


@pytest.fixture
def publish(page: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Publish:
    """Puts content onto the server and into the catalogue, which is then the one in force."""
    entries: dict[str, dict[str, Any]] = {}

    def put(name: str, content: bytes, **changes: object) -> dict[str, Any]:
        page.files[name] = content
        entries[name] = {
            "name": name,
            "about": "made by a test",
            "task": "face-detection",
            "like": "retinaface-mnet025",
            "url": page.url(name),
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "licence": "MIT",
            "commercial": True,
            **changes,
        }
        path = tmp_path / "catalogue.yaml"
        path.write_text(yaml.safe_dump({"models": list(entries.values())}), encoding="utf-8")
        monkeypatch.setenv("MOODLINE_CATALOGUE", str(path))
        return entries[name]

    return put


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/") + ".onnx", content)
    return packed.getvalue()


def member(path: str, content: bytes) -> dict[str, Any]:
    return {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def run(*arguments: object) -> Result:
    """Engine errors are raised, as the root command expects them."""
    result = CliRunner().invoke(models, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_pulled_model_has_a_card_of_licence_and_source_and_is_found(publish: Publish, network: bytes, folder: Path):
    entry = publish("free", network)
    result = run("pull", "free")
    assert "licence: MIT; commercial use allowed" in result.output
    assert f"pulled {folder / 'free.onnx'}" in result.output and "`model: free` now means it" in result.output
    model = find_model("free")
    assert model.path.read_bytes() == network
    assert (model.card.layout, model.card.licence, model.card.input) == ("retinaface", "MIT", networks.CAFFE)
    assert model.card.data == {"source": entry["url"], "commercial_use": True}
    assert sorted(path.name for path in folder.iterdir()) == ["free.json", "free.onnx"]


def test_the_network_in_an_archive_is_found_wherever_it_is_packed(publish: Publish, network: bytes):
    pack = zipped(pack__det=network, pack__recognition=b"not a network")
    entry = publish("pack", pack, member=member("det.onnx", network))
    run("pull", "pack")
    model = find_model("pack")
    assert model.path.read_bytes() == network
    assert model.card.data["archive_sha256"] == entry["sha256"] and model.card.data["member"] == "det.onnx"


def test_what_is_already_there_is_not_pulled_again_but_what_is_damaged_is(
    publish: Publish, network: bytes, page: Mirror, folder: Path
):
    publish("free", network)
    run("pull", "free")
    asked = len(page.asked)
    assert "already in" in run("pull", "free", "free").output
    assert len(page.asked) == asked
    (folder / "free.onnx").write_bytes(network[:-1] + b"x")
    assert "pulled" in run("pull", "free").output
    assert find_model("free").path.read_bytes() == network


def test_a_bundle_serves_where_there_is_no_network(
    publish: Publish, network: bytes, page: Mirror, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    publish("free", network)
    result = run("pull", "free", "--to", tmp_path / "bundle")
    assert f"copy {tmp_path / 'bundle'} there and set MOODLINE_MODELS" in result.output
    assert not folder.exists()
    monkeypatch.setenv("MOODLINE_MODELS", str(tmp_path / "bundle"))
    page.status = 500
    assert find_model("free").path == tmp_path / "bundle" / "free.onnx"
    assert run("verify", "free").output.startswith("ok ")


def test_terms_that_forbid_commercial_use_are_to_be_accepted(
    publish: Publish, network: bytes, page: Mirror, folder: Path
):
    publish("research", network, licence="for research", commercial=False)
    publish("free", network)
    with pytest.raises(ConfigError, match=r"research: the licence forbids commercial use.*--accept-licence"):
        run("pull", "free", "research")
    assert page.asked == [] and not folder.exists()
    result = run("pull", "research", "--accept-licence")
    assert "licence: for research; commercial use NOT allowed" in result.output
    assert find_model("research").card.licence == "for research"


def spoil(page: Mirror, kind: str) -> None:
    content = page.files["net"]
    if kind == "tampered":
        page.files["net"] = content[:-1] + bytes([content[-1] ^ 1])
    elif kind == "truncated":
        page.files["net"] = content[:-1]
    elif kind == "cut":
        page.cuts = [0]
    else:
        page.status = int(kind)


@pytest.mark.parametrize("kind", ["tampered", "truncated", "cut", "404", "500"])
def test_whatever_goes_wrong_the_older_model_stays(
    publish: Publish, network: bytes, page: Mirror, folder: Path, tmp_path: Path, kind: str
):
    publish("net", networks.retinaface(tmp_path / "old.onnx", seed=9).read_bytes())
    run("pull", "net")
    before = files(folder)
    publish("net", network)
    spoil(page, kind)
    with pytest.raises(DownloadError, match=r"^net: ") as caught:
        run("pull", "net")
    assert "\n" not in str(caught.value)
    assert files(folder) == before
    assert run("verify", "net").exit_code == 0


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


def test_no_network_is_told_with_the_way_without_one(publish: Publish, network: bytes, folder: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    publish("net", network, url=f"http://127.0.0.1:{port}/net")
    with pytest.raises(DownloadError, match=r"127.0.0.1 cannot be reached .*pull net --to DIR.*MOODLINE_MODELS=DIR"):
        run("pull", "net")
    assert files(folder) == {} and list(folder.iterdir()) == []


def test_a_network_that_does_not_fit_its_kind_is_refused_and_the_older_one_stays(
    publish: Publish, network: bytes, folder: Path, tmp_path: Path
):
    publish("net", network)
    run("pull", "net")
    before = files(folder)
    publish("net", networks.retinaface(tmp_path / "logits.onnx", softmax=False).read_bytes())
    with pytest.raises(
        ModelError, match=r"no probabilities.*catalogue is to be corrected: .* like 'retinaface-mnet025'"
    ):
        run("pull", "net")
    assert files(folder) == before and not (folder / ".pulling").exists()


@pytest.mark.parametrize(
    ("path", "changes", "message"),
    [
        ("other.onnx", {}, r"member.path: 'other.onnx' is not in the archive; it holds net.onnx, x/dup.onnx"),
        ("dup.onnx", {}, "member.path: 'dup.onnx' is not in the archive"),  # twice
        ("net.onnx", {"size": 5}, r"member.size: 'net.onnx' has \d+ bytes, not 5"),
        ("net.onnx", {"sha256": "0" * 64}, "is not the network promised"),
    ],
)
def test_an_archive_that_is_not_as_the_catalogue_says_is_refused(
    publish: Publish, network: bytes, folder: Path, path: str, changes: dict[str, Any], message: str
):
    pack = zipped(net=network, x__dup=b"1", y__dup=b"2")
    publish("pack", pack, member={**member(path, network), **changes})
    with pytest.raises((ConfigError, DownloadError), match=message):
        run("pull", "pack")
    assert not (folder / "pack.onnx").exists()


def test_what_is_no_archive_is_told(publish: Publish, network: bytes):
    publish("pack", network, member=member("net.onnx", network))
    with pytest.raises(ConfigError, match="pack: what the catalogue names is no zip archive"):
        run("pull", "pack")


def test_what_the_engine_cannot_run_goes_into_a_folder_of_its_own(publish: Publish, tmp_path: Path, folder: Path):
    publish("teacher", b"a network of another layout", like="yunet")
    with pytest.raises(ConfigError, match=r"'teacher' is for moodline-train; the engine cannot run it.*--to DIR"):
        run("pull", "teacher")
    run("pull", "teacher", "--to", tmp_path / "teachers")
    assert load_model(tmp_path / "teachers" / "teacher.onnx").card.layout == "yunet"


def test_verify_tells_what_is_for_the_trainer_only(publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    publish("teacher", b"a network of another layout", like="yunet")
    run("pull", "teacher", "--to", tmp_path / "teachers")
    monkeypatch.setenv("MOODLINE_MODELS", str(tmp_path / "teachers"))
    assert run("verify", "teacher").output.startswith("ok      teacher: for moodline-train only")


def test_the_offer_says_what_is_installed(publish: Publish, page: Mirror, network: bytes, tmp_path: Path, folder: Path):
    publish("here", network)
    publish("away", network, licence="for research", commercial=False)
    publish("changed", network)
    publish("harmed", network)
    run("pull", "here", "changed", "harmed")
    publish("changed", networks.retinaface(tmp_path / "newer.onnx", seed=8).read_bytes())
    (folder / "harmed.onnx").write_bytes(network[:-1])
    lines = run("list", "--available").output.splitlines()
    assert lines[0].split() == [
        "NAME", "TASK", "SIZE", "COMMERCIAL", "ENGINE", "INSTALLED", "SHA256", "LICENCE", "ABOUT", "URL",
    ]  # fmt: skip
    cells = {line.split()[0]: line.split()[4:7] for line in lines[1:]}
    assert cells == {
        "here": ["yes", "yes", "yes"],
        "away": ["no", "yes", "no"],
        "changed": ["yes", "yes", "another"],
        "harmed": ["yes", "yes", "damaged"],
    }
    here = next(line.split() for line in lines if line.startswith("here"))
    assert (here[1], here[7], here[-1]) == (
        "face-detection",
        hashlib.sha256(network).hexdigest()[:12],
        page.url("here"),
    )


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


def test_a_name_that_another_folder_has_first_is_told(
    publish: Publish, network: bytes, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    publish("net", network)
    networks.retinaface(tmp_path / "net.onnx")
    monkeypatch.setenv("MOODLINE_MODELS", str(tmp_path))
    for arguments in (("pull", "net"), ("add", tmp_path / "net.onnx", "--like", "retinaface", "--name", "net")):
        said = run(*arguments).output
        assert "now means it" not in said
        assert f"but `model: net` still means {tmp_path / 'net.onnx'}, which is found first" in said


def test_one_that_fails_does_not_end_the_others(publish: Publish, network: bytes, page: Mirror):
    for name in ("one", "two", "three"):
        publish(name, network)
    publish("two", network, sha256="0" * 64)
    result = CliRunner().invoke(models, ["pull", "one", "two", "three"])
    assert type(result.exception) is MoodlineError
    assert str(result.exception) == "1 of 3 models not pulled: two"
    assert "FAILED  two: what 127.0.0.1 gave is not the file promised" in result.output
    assert find_model("one").path.exists() and find_model("three").path.exists()


def test_a_place_where_nothing_can_be_put_is_told_before_the_terms(publish: Publish, network: bytes, tmp_path: Path):
    publish("net", network)
    (tmp_path / "afile").write_text("in the way")
    result = CliRunner().invoke(models, ["pull", "net", "--to", str(tmp_path / "afile" / "sub")])
    assert isinstance(result.exception, ConfigError) and result.output == ""
    assert str(result.exception).endswith("afile' is no folder; name another place with --to")


@pytest.mark.parametrize("arguments", [("pull",), ("pull", "net", "--timeout", "0"), ("pull", "net", "--timeout", "x")])
def test_wrong_arguments_are_a_usage_error(publish: Publish, network: bytes, arguments: tuple[str, ...]):
    publish("net", network)
    assert run(*arguments).exit_code == 2


def moodline(*arguments: str) -> list[str]:
    # A shell's job in the background, as a test run may be, ignores SIGINT, and so would its children.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    return [sys.executable, "-c", f"{heeding}; from pipelines.cli import main; main()", "models", *arguments]


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


@pytest.mark.parametrize(("answer", "code", "columns"), [("y", 0, 80), ("y", 0, 0), ("n", 1, 80)])
def test_at_a_terminal_the_terms_are_asked_and_a_bar_is_shown(
    publish: Publish, network: bytes, answer: str, code: int, columns: int
):
    publish("research", network, licence="for research", commercial=False)
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    process = subprocess.Popen(moodline("pull", "research"), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    said = b""
    try:
        while piece := os.read(ours, 4096):
            said += piece
    except OSError:  # Linux says so when the other end has closed
        pass
    finally:
        os.close(ours)
    assert process.wait(60) == code
    assert b"Do you accept these terms, no commercial use among them?" in said
    assert (b"100%" in said) == (code == 0)
    assert (b"not accepted; nothing was downloaded" in said) == (code == 1)
