"""The command line: what it says, and with which exit code."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import urllib.request

import pytest

from engine.modelcard import SHIPPED
from tests.support.program import Running, command, moodline
from tests.support.redis_server import until

CONFIG = """
name: x
mode: replay
sources: [{{id: clip, uri: "{clip}"}}]
stages: {{classify: {{model: "{model}"}}}}
history: {{url: "sqlite://"}}
api: {{port: {port}}}
"""


def test_the_demo_shows_tracks_with_emotions_within_seconds_and_stops_on_ctrl_c(tmp_path):
    with Running(tmp_path / "log", "demo", "--port", "0") as program:
        program.wait_ready()
        until(lambda: [t for t in program.get("/api/v1/tracks")["items"] if t["label"]], 30)
        assert 'moodline_frames_captured_total{source="lobby"}' in program.get("/metrics")
        status = program.get("/api/v1/status")
        assert (status["models"][0]["name"], status["models"][0]["device"]) == ("retinaface-mnet025", "cpu")
        assert all(event["aligned"] for event in program.get("/api/v1/events?type=new")["items"])
        assert program.end(2) == 130
    assert "curl" in program.text() and f"  page      {program.url}\n" in program.text()
    assert "cuda" not in program.text().lower()
    assert "Traceback" not in program.text()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "nowhere.yaml"], 2, "nowhere.yaml: no such file"),
        (["check", "nowhere.yaml"], 2, "nowhere.yaml: no such file"),
        (["check"], 2, "name a CONFIG file"),
        (["rum"], 2, "No such command 'rum'"),
        (["analyze"], 2, "Missing argument 'VIDEO'"),
        (["analyze", "rtsp://user:S3cret@cam/live"], 2, "analyze takes a file"),
        (["run", "x.yaml", "--for", "-1"], 2, "--for"),
    ],
)
def test_wrong_arguments_are_said_and_cost_exit_code_two(arguments, code, message):
    done = moodline(*arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "S3cret" not in done.stderr


def model_with(tmp_path, change):
    """A copy of the shipped emotion model, spoilt by `change(onnx path, card dict)`."""
    onnx = tmp_path / "spoilt.onnx"
    shutil.copy(SHIPPED / "emotion-fer.onnx", onnx)
    card = json.loads((SHIPPED / "emotion-fer.json").read_text())
    change(onnx, card)
    onnx.with_suffix(".json").write_text(json.dumps(card))
    return onnx


def digest(path):
    from engine.modelcard import sha256_of

    return sha256_of(path)


def flip(onnx, _card):
    data = bytearray(onnx.read_bytes())
    data[len(data) // 2] ^= 1
    onnx.write_bytes(data)


def drop_label(_onnx, card):
    card["labels"] = card["labels"][:-1]


def other_size(_onnx, card):
    card["input"]["width"] = card["input"]["height"] = 99


def no_network(onnx, card):
    onnx.write_bytes(b"this is no network" * 100)
    card["sha256"] = digest(onnx)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (flip, "is not the file its card describes"),
        (drop_label, "7 labels"),
        (other_size, "input height 99"),
        (no_network, "cannot be opened"),
    ],
)
def test_a_model_that_cannot_be_trusted_is_refused_before_anything_runs(tmp_path, faces, change, message):
    config = tmp_path / "x.yaml"
    config.write_text(CONFIG.format(clip=faces, model=model_with(tmp_path, change), port=0))
    done = moodline("run", config)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_named(tmp_path, faces):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = tmp_path / "x.yaml"
        config.write_text(CONFIG.format(clip=faces, model="emotion-fer", port=taken.getsockname()[1]))
        done = moodline("run", config)
    assert done.returncode == 2
    assert "is in use on 127.0.0.1" in done.stderr


def test_a_history_that_cannot_be_opened_is_a_wrong_setting(tmp_path, faces):
    (tmp_path / "text.db").write_text("this is no database\n" * 100)
    (tmp_path / "text.db").chmod(0o600)  # else a warning comes first
    config = tmp_path / "x.yaml"
    text = CONFIG.format(clip=faces, model="emotion-fer", port=0)
    config.write_text(text.replace("sqlite://", f"sqlite:///{tmp_path}/text.db"))
    done = moodline("run", config)
    assert done.returncode == 2
    assert done.stderr.startswith("moodline: history.url: ")
    assert "file is not a database" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_is_run_to_its_end_and_a_missing_one_fails_without_touching_it(tmp_path, faces):
    config = tmp_path / "x.yaml"
    text = CONFIG.format(clip=faces, model="emotion-fer", port=0)
    config.write_text(text.replace("sources: [", 'sources: [{id: gone, uri: "/nowhere.mp4"}, '))
    done = moodline("run", config)
    assert done.returncode == 1
    assert "source 'gone'" in done.stderr and "no such file" in done.stderr


def test_check_names_models_that_are_missing(tmp_path, faces):
    config = tmp_path / "x.yaml"
    config.write_text(CONFIG.format(clip=faces, model="emotion-fre", port=0))
    done = moodline("check", config)
    assert done.returncode == 2
    assert "stages.classify.model" in done.stderr and "did you mean 'emotion-fer'" in done.stderr


def test_check_says_ok_and_prints_the_schema(tmp_path, faces):
    config = tmp_path / "x.yaml"
    config.write_text(CONFIG.format(clip=faces, model="emotion-fer", port=0))
    assert ": ok, pipeline 'x'" in moodline("check", config).stdout
    assert "sources" in json.loads(moodline("check", "--schema").stdout)["properties"]


def test_doctor_looks_the_machine_over():
    done = moodline("doctor")
    assert done.returncode == 0, done.stdout
    for word in ("CPUExecutionProvider", "PyAV", "redis", "emotion-fer", "webcam"):
        assert word in done.stdout


def test_an_api_token_is_asked_for(tmp_path):
    config = tmp_path / "x.yaml"
    config.write_text('name: x\nsources: [{id: a, uri: "demo:"}]\nhistory: {url: "sqlite://"}\n'
                      "api: {port: 0, token: sesame-open}\n")  # fmt: skip
    with Running(tmp_path / "log", "run", config) as program:
        program.wait_ready()
        request = urllib.request.Request(
            program.url + "/api/v1/status", headers={"Authorization": "Bearer sesame-open"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200
        assert program.get("/api/v1/status", expect=None) is None
        assert program.end() == 0
    assert "sesame-open" not in program.text()


def test_nobody_reading_the_log_does_not_end_a_run(tmp_path):
    config = tmp_path / "x.yaml"
    config.write_text('name: x\nsources: [{id: a, uri: "demo:"}]\nhistory: {url: "sqlite:///x.db"}\napi: {port: 0}\n')
    reading, writing = os.pipe()
    os.close(reading)
    arguments = command("run", config, "--for", "10")
    done = subprocess.run(arguments, cwd=tmp_path, stdout=writing, stderr=writing, timeout=60, check=False)
    os.close(writing)
    assert done.returncode == 0
    with sqlite3.connect(tmp_path / "x.db") as database:
        assert database.execute("select count(*) from events where type = 'new'").fetchone()[0] > 0
