"""The demo as a newcomer sees it: emotions change within 20 seconds, in the events and in Redis."""

import json

import pytest
import redis

from engine.modelcard import SHIPPED
from engine.sources.av_writer import VideoWriter
from engine.sources.config import SourceConfig
from engine.sources.demo import HEIGHT, WIDTH, open_demo
from engine.testing import FakeClock
from tests.support.program import Running, moodline
from tests.support.redis_server import RedisServer, until

SECONDS, FPS = 20, 5
MODELS = sorted(
    path.stem
    for path in SHIPPED.glob("*.onnx")
    if json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["task"] == "emotion"
)
REPLAY = """
name: demo
mode: replay
sources: [{{id: video, uri: "demo:"}}]
stages: {{classify: {{model: {model}}}}}
history: {{url: "sqlite://"}}
api: {{enabled: false}}
"""
LIVE = """
name: demo
sources: [{{id: lobby, uri: "demo:"}}]
stages: {{detect: {{every_s: 0.1}}}}
bus: {{url: "{bus}", prefix: demo}}
history: {{url: "sqlite:///history.db"}}
api: {{port: 0}}
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The first 20 seconds of the demo, read as fast as possible."""
    path = tmp_path_factory.mktemp("demo") / "demo.mp4"
    reader = open_demo(SourceConfig(id="demo", uri="demo:", fps=FPS), FakeClock())
    with VideoWriter(path, WIDTH, HEIGHT, FPS) as writer:
        number = 0
        while number < SECONDS * FPS:
            if picture := reader.read():
                writer.write(picture.image, number / FPS)
                number += 1
    return path


def changes(events):
    """Those from one emotion to another, as `(label before, label after)`."""
    found = [event for event in events if event["type"] == "emotion_changed" and event["before"]]
    labels = [(event["before"]["label"], event["after"]["label"]) for event in found]
    return [(before, after) for before, after in labels if before and after]


@pytest.mark.parametrize("model", MODELS)
def test_every_shipped_model_sees_emotions_change_within_20_seconds(tmp_path, clip, model):
    config, events = tmp_path / "config.yaml", tmp_path / "events.jsonl"
    config.write_text(REPLAY.format(model=model))
    done = moodline("analyze", clip, "--config", config, "--events", events)
    assert done.returncode == 0, done.stderr
    found = changes(map(json.loads, events.read_text().splitlines()))
    assert found and all(before != after for before, after in found)


def test_the_demo_itself_brings_changed_emotions_into_redis_in_order(tmp_path):
    config = tmp_path / "live.yaml"
    with RedisServer() as server, redis.Redis.from_url(server.url, decode_responses=True) as client:

        def stream():
            return [json.loads(fields["payload"]) for _, fields in client.xrange("demo:events")]

        config.write_text(LIVE.format(bus=server.url))
        with Running(tmp_path / "log", "run", config, cwd=tmp_path) as program:
            program.wait_ready()
            until(lambda: changes(stream()), 40)
            seen = stream()
            newest = program.get(f"/api/v1/events?limit={len(seen) + 50}")["items"]
            assert program.end() == 0, program.text()
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    assert next(event["time_s"] for event in seen if changes([event])) <= SECONDS
    by_id = {event["event_id"]: event for event in newest}
    assert [by_id[event["event_id"]] for event in seen] == seen
