"""YAML: every mistake in one go, each with its path, its value and the way out."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from engine.errors import ConfigError
from pipelines.config import json_schema, load, parse

GOOD = """
name: lobby
sources:
  - {id: door, uri: "rtsp://10.0.0.7/live"}
  - {id: desk, uri: "webcam:0", fps: 10}
stages:
  detect: {every_s: 0.2}
"""
CONFIGS = sorted(path for path in (Path(__file__).parents[2] / "configs").glob("*.yaml") if path.stem != "models")


def problems(text):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return list(caught.value.problems)


def test_what_is_not_said_has_its_default():
    config = parse(GOOD)
    assert config.mode == "live"
    assert config.stages.detect.every_s == 0.2
    assert config.stages.track.max_missing_s == 1.0
    assert config.api.host == "127.0.0.1"
    assert [source.id for source in config.sources] == ["door", "desk"]


def test_keys_that_are_given_go_before_the_preset_of_smoothing():
    text = "name: x\nsources: [{id: door, uri: 'webcam:0'}]\nstages: {smooth: {preset: %s, margin: 0.01}}\n"
    smooth = parse(text % "calm").stages.smooth
    assert (smooth.preset, smooth.min_dwell_s, smooth.margin) == ("calm", 0.8, 0.01)
    for wrong in ("fast", "[calm]", "3"):
        (problem,) = problems(text % wrong)
        assert problem.startswith("stages.smooth.preset: ")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_shipped_configuration_is_right(path, monkeypatch):
    for name, value in {
        "DOOR_RTSP": "rtsp://10.0.0.7/live", "DESK_RTSP": "rtsp://10.0.0.8/live",
        "MOODLINE_TOKEN": "t" * 32, "CLIP": "clip.mp4",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert load(path).sources


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # an unknown key names the nearest one
        (GOOD.replace("fps:", "fsp:"), ["sources[1].fsp: unknown key; did you mean 'fps'?"]),
        (GOOD.replace("detect:", "detekt:"), ["stages.detekt: unknown key; did you mean 'detect'?"]),
        (GOOD + "colour: blue\n", ["colour: unknown key; known are name, sources, mode, stages, bus, history, api"]),
        # a wrong type and a bad range show the value
        (GOOD.replace("0.2", "fast"), ["stages.detect.every_s: 'fast' should be a valid number"]),
        (GOOD.replace("0.2", "-1"), ["stages.detect.every_s: -1 should be greater than or equal to 0"]),
        # two sources of one id
        (GOOD.replace("desk", "door"), ["sources[1].id: 'door' is already the id of sources[0]; ids must differ"]),
        # an unset variable, wherever it stands
        (GOOD.replace("rtsp://10.0.0.7", "${NO_SUCH_RTSP}"), ["sources[0].uri: the environment variable NO_SUCH_RTSP"]),
        # missing parts
        ("name: x\n", ["sources: is missing"]),
        ("name: x\nsources: []\n", ["sources: is empty; name at least one camera"]),
        ("- a\n- b\n", ["expected keys such as name: and sources:, found a list"]),
        ("", ["expected keys such as name: and sources:, found nothing"]),
        # YAML's own traps
        ("name: [x\n", ["line 2, column 1: expected ',' or ']'"]),
        ("name: a\nname: b\n", ["line 2, column 1: key 'name' is given twice"]),
        ("name: &n a\nsources: *n\n", ["line 2, column 10: aliases are not supported"]),
        ("name: !!python/object:os.system x\n", ["line 1, column 7: could not determine a constructor"]),
        ("? [a, b]\n: 1\n", ["line 1, column 3: a key must be plain text"]),
        ("name: 2026-02-30\n", ["not YAML that makes sense here: day is out of range"]),
        ("name: !!int foo\n", ["not YAML that makes sense here: "]),
        ("[" * 5000, ["not YAML that makes sense here: "]),
        # a source that no camera speaks
        (GOOD.replace("rtsp://10.0.0.7/live", "concat:a|b"), ["sources[0]"]),
        # open to the network without a token
        (GOOD + "api: {host: 0.0.0.0}\n", ["api"]),
    ],
)
def test_a_mistake_is_one_clear_line(text, expected):
    found = problems(text)
    assert len(found) == len(expected)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start), line
        assert "\n" not in line


def test_all_mistakes_come_in_one_go():
    text = GOOD.replace("fps:", "fsp:").replace("0.2", "-1").replace("desk", "door")
    text += "bus: {url: 'kafka://x'}\nhistory: {retention_days: soon}\n"
    assert len(problems(text)) == 5


def test_a_missing_file_and_one_that_is_no_text_are_said_plainly(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere.yaml: no such file"):
        load(tmp_path / "nowhere.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"name: \xff\xfe")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load(binary)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)


def test_problems_name_the_file(tmp_path):
    path = tmp_path / "lobby.yaml"
    path.write_text("name: x\n")
    with pytest.raises(ConfigError, match=r"lobby.yaml: sources: is missing"):
        load(path)


def test_a_variable_is_filled_in_and_its_secret_shows_nowhere(monkeypatch):
    monkeypatch.setenv("DOOR_RTSP", "rtsp://user:S3cr@t%2F%23%3F:%25@10.0.0.7/live")
    config = parse(GOOD.replace("rtsp://10.0.0.7/live", "${DOOR_RTSP}"))
    assert config.sources[0].uri.startswith("rtsp://user:")
    assert "S3cr" not in repr(config)


def test_the_schema_accepts_the_example_and_refuses_a_typo():
    schema = Draft202012Validator(json_schema())
    assert schema.is_valid({"name": "x", "sources": [{"id": "a", "uri": "webcam:0"}]})
    assert not schema.is_valid({"name": "x", "sources": [{"id": "a", "uri": "webcam:0", "fsp": 1}]})
