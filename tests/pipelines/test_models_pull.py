"""`moodline models pull` as a whole: from a catalogue and a real server to a model that the engine opens."""

import hashlib
import os
import pty
import socket
import subprocess
import termios
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.datarights import DataSource
from engine.errors import ConfigError, DownloadError, ModelError, MoodlineError
from engine.modelcard import find_model, load_model
from pipelines.models_cli import models
from tests.support import networks
from tests.support.mirror import Mirror
from tests.support.pulling import Publish, files, member, moodline, run, zipped


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


def test_a_pulled_model_says_whose_data_is_behind_it(publish: Publish, network: bytes):
    source = {"name": "WIDER FACE", "use": "trained on", "terms": "research only", "commercial": "not cleared"}
    publish("free", network, data_rights=[source])
    publish("unsaid", network)
    result = run("pull", "free", "unsaid")
    assert "data: not cleared for commercial use (WIDER FACE: research only)\n" in result.output
    assert "data: unknown\n" in result.output
    assert find_model("free").card.data_rights == (DataSource(**source),)
    assert find_model("unsaid").card.commercial == "unknown"


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
