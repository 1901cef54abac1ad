"""Cameras over real RTSP, through the whole program, into a real Redis, and out over HTTP."""

import json
import signal
import threading

import pytest
import redis
from jsonschema import Draft202012Validator

from engine.events import event_schema
from tests.support.program import Running
from tests.support.redis_server import RedisServer, until
from tests.support.rtsp import RtspCamera

SCHEMA = Draft202012Validator(event_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)
CONFIG = """
name: e2e
sources:
  - {{id: door, uri: "{door}"}}
  - {{id: desk, uri: "{desk}", open_timeout_s: 2, read_timeout_s: 2}}
stages:
  detect: {{every_s: 0.2}}
bus: {{url: "{bus}", prefix: e2e}}
history: {{url: "sqlite:///history.db"}}
api: {{port: 0}}
"""


@pytest.fixture
def server():
    with RedisServer() as server:
        yield server


def write(folder, door, desk, bus):
    path = folder / "live.yaml"
    path.write_text(CONFIG.format(door=door, desk=desk, bus=bus))
    return path


def client_of(server):
    return redis.Redis.from_url(server.url, decode_responses=True)


def stream(client):
    """What the stream holds; nothing yet while the server is not there."""
    try:
        return [json.loads(fields["payload"]) for _, fields in client.xrange("e2e:events")]
    except redis.ConnectionError:
        return []


def tracks_of(events):
    return {event["track_uid"] for event in events if event["type"] == "emotion_changed"}


def check_events(events):
    for event in events:
        SCHEMA.validate(event)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert len({event["event_id"] for event in events}) == len(events)


def test_two_cameras_reach_redis_and_the_api_with_the_same_events(tmp_path, camera_clip, server):
    heard = []
    with RtspCamera(camera_clip) as door, RtspCamera(camera_clip) as desk, client_of(server) as client:
        listener = client.pubsub()
        listener.subscribe("e2e:events:door")
        assert listener.get_message(timeout=5)["type"] == "subscribe"
        config = write(tmp_path, door.url(), desk.url(), server.url)
        with Running(tmp_path / "log", "run", config, cwd=tmp_path) as program:
            program.wait_ready()
            until(lambda: len({event["source_id"] for event in stream(client) if event["track_uid"]}) == 2, 40)
            until(lambda: tracks_of(stream(client)), 40)
            uid = next(iter(tracks_of(stream(client))))
            # What is in the stream was in the history before.
            broadcast = [event for event in stream(client) if event["track_uid"] == uid]
            history = program.get(f"/api/v1/tracks/{uid}/history?limit=1000")["items"]
            assert broadcast and broadcast == history[: len(broadcast)]
            assert program.get(f"/api/v1/tracks/{uid}")["track_uid"] == uid
            metrics = program.get("/metrics")
            assert program.end() == 0, program.text()
        while message := listener.get_message(timeout=1):
            heard.append(json.loads(message["data"]))
        listener.close()
        events = stream(client)
    check_events(events)
    assert {event["type"] for event in events} >= {"new", "emotion_changed", "end", "status"}
    assert heard == [event for event in events if event["source_id"] == "door"]
    counts = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if line[0] != "#"}
    for source in ("door", "desk"):
        outcomes = [n for key, n in counts.items() if key.startswith("moodline_frames_total") and f'"{source}"' in key]
        assert counts[f'moodline_frames_captured_total{{source="{source}"}}'] == sum(outcomes) > 0


def test_a_camera_that_is_not_there_is_offline_and_the_other_goes_on(tmp_path, camera_clip, server):
    with RtspCamera(camera_clip) as door, client_of(server) as client:
        gone = "rtsp://user:S3cret@127.0.0.1:9/live"
        with Running(tmp_path / "log", "run", write(tmp_path, door.url(), gone, server.url), cwd=tmp_path) as program:
            program.wait_ready()
            until(lambda: tracks_of(stream(client)), 40)
            by_id = {source["source_id"]: source for source in program.get("/api/v1/sources")["items"]}
            assert by_id["door"]["state"] == "online"
            assert (by_id["desk"]["state"], by_id["desk"]["cause"]) == ("offline", "refused")
            everything = json.dumps(by_id) + json.dumps(program.get("/api/v1/status"))
            assert program.end(signal.SIGINT) == 130
        assert "S3cret" not in everything + program.text() + json.dumps(stream(client))


def test_with_redis_down_at_the_start_nothing_is_lost(tmp_path, camera_clip):
    with RedisServer(start=False) as late, RtspCamera(camera_clip) as door:
        config = write(tmp_path, door.url(), door.url(), late.url)
        with Running(tmp_path / "log", "run", config, cwd=tmp_path) as program:
            program.wait_ready()
            until(lambda: program.get("/api/v1/events?type=emotion_changed")["items"], 40)
            assert program.get("/api/v1/status")["bus"]["state"] == "down"
            late.start()
            with client_of(late) as client:
                until(lambda: tracks_of(stream(client)), 20)
                assert program.end() == 0, program.text()
                check_events(stream(client))


def test_it_stops_by_itself_while_a_camera_is_frozen(tmp_path, camera_clip, server):
    with RtspCamera(camera_clip) as door, RtspCamera(camera_clip) as desk:
        config = write(tmp_path, door.url(), desk.url(), server.url)
        with Running(tmp_path / "log", "run", config, cwd=tmp_path) as program:
            program.wait_ready()
            until(lambda: all(s["state"] == "online" for s in program.get("/api/v1/sources")["items"]), 40)
            desk.frozen = True
            threading.Event().wait(0.5)
            assert program.end(timeout_s=20) == 0, program.text()


def test_a_second_signal_ends_it_at_once(tmp_path, camera_clip, server):
    with RtspCamera(camera_clip) as door:
        config = write(tmp_path, door.url(), door.url(), server.url)
        with Running(tmp_path / "log", "run", config, cwd=tmp_path) as program:
            program.wait_ready()
            program.process.send_signal(signal.SIGTERM)
            assert program.end(signal.SIGTERM) in (0, 143)


def test_it_stops_by_itself_while_redis_is_away(tmp_path, camera_clip):
    with RedisServer(start=False) as away, RtspCamera(camera_clip) as door:
        config = write(tmp_path, door.url(), door.url(), away.url)
        with Running(tmp_path / "log", "run", config, cwd=tmp_path) as program:
            program.wait_ready()
            until(lambda: program.get("/api/v1/events?type=new")["items"], 40)
            assert program.end(timeout_s=20) == 0, program.text()
        assert "wait in the history" in program.text()
