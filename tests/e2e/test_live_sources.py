"""Cameras that come, change and go while the whole program runs, over HTTP and through its configuration file."""

import json
import signal
import threading
import urllib.error
import urllib.request

import pytest

from tests.support.program import Running
from tests.support.redis_server import until
from tests.support.rtsp import RtspCamera

pytestmark = pytest.mark.timeout(900)
WITHIN_S = 120.0
"""For what takes seconds where nothing else runs."""
CONFIG = """
name: live
sources:
{sources}
stages:
  detect: {{every_s: 0.2}}
  smooth: {{margin: {margin}}}
history: {{url: "sqlite:///history.db"}}
api: {{port: 0, sources: {{enabled: true, hosts: [127.0.0.1]}}}}
"""


def soon(condition):
    until(condition, WITHIN_S)


def source(name, uri):
    return f'  - {{id: {name}, uri: "{uri}", read_timeout_s: 3, open_timeout_s: 3}}'


def config(*sources, margin=0.05):
    return CONFIG.format(sources="\n".join(sources), margin=margin)


@pytest.fixture
def door(camera_clip):
    with RtspCamera(camera_clip) as camera:
        yield camera


@pytest.fixture
def desk(camera_clip):
    with RtspCamera(camera_clip) as camera:
        yield camera


class Program(Running):
    """The program, with what a user of its API does."""

    def __init__(self, folder, text, **variables):
        self.path = folder / "live.yaml"
        self.path.write_text(text)
        super().__init__(folder / "log", "run", self.path, cwd=folder, **variables)

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def ends(self, source_id):
        """Why the source ended, the last time first."""
        told = self.events(source_id=source_id, type="status")
        return [event["detail"] for event in told if event["state"] == "ended"]

    def states(self):
        return {one["source_id"]: one["state"] for one in self.get("/api/v1/sources")["items"]}

    def frames(self, name):
        """Frames read so far."""
        (found,) = (one["frames"] for one in self.get("/api/v1/sources")["items"] if one["source_id"] == name)
        return found["captured"] + found["in_flight"]

    def events(self, **filters):
        query = "&".join(f"{key}={value}" for key, value in {"limit": 1000, **filters}.items())
        return self.get(f"/api/v1/events?{query}")["items"]

    def tracks(self, name):
        return {event["track_uid"] for event in self.events(source_id=name, type="new")}

    def log_has(self, text):
        assert self.process.poll() is None, self.text()
        return text in self.text()


def undisturbed(program, camera):
    """That `door` has had one connection, without a break, and its frames are numbered without a gap."""
    last = max(event["frame_index"] for event in program.events(source_id="door") if event["track_uid"])
    assert last < program.frames("door")
    assert camera.opened == 1
    assert program.text().count("source door online") == 1
    told = [event["state"] for event in program.events(source_id="door", type="status")]
    assert told == ["online"]


def test_a_camera_is_added_changed_paused_resumed_and_removed_and_the_other_one_goes_on(tmp_path, door, desk):
    with Program(tmp_path, config(source("door", door.url()))) as program:
        program.wait_ready(WITHIN_S)
        soon(lambda: program.states() == {"door": "online"})
        assert program.ask("POST", "sources", {"id": "desk", "uri": desk.url(), "read_timeout_s": 3}) == 201
        soon(lambda: program.tracks("desk") and program.tracks("door"))
        first = program.tracks("desk")

        assert program.ask("PATCH", "sources/desk", {"fps": 5}) == 200
        soon(lambda: desk.opened == 2 and program.states()["desk"] == "online")

        assert program.ask("PATCH", "sources/desk", {"paused": True}) == 200
        assert program.states()["desk"] == "paused"
        soon(lambda: not desk.viewers)
        before = program.frames("desk")
        door_before = program.frames("door")
        soon(lambda: program.frames("door") > door_before + 5)
        assert program.frames("desk") == before

        assert program.ask("PATCH", "sources/desk", {"paused": False}) == 200
        soon(lambda: program.tracks("desk") - first)
        assert not (program.tracks("desk") - first) & first
        assert program.ask("DELETE", "sources/desk") == 204
        assert program.states().keys() == {"door"}
        soon(lambda: not desk.viewers)
        # its tracks have ended, and so has it
        soon(lambda: program.ends("desk") == ["removed", "paused", "changed"])
        ended = {event["track_uid"] for event in program.events(source_id="desk", type="end")}
        assert ended == program.tracks("desk")
        pairs = [(event["track_id"], event["track_uid"]) for event in program.events(source_id="desk", type="new")]
        assert len({number for number, _ in pairs}) == len({uid for _, uid in pairs}) == len(pairs)
        undisturbed(program, door)
        assert "moodline_removed_frames_total" in program.get("/metrics")
        assert program.ask("PATCH", "sources/door", {"paused": True}) == 200
        assert program.end() == 0, program.text()
    with Program(tmp_path, config(source("door", door.url()))) as program:
        program.wait_ready(WITHIN_S)
        assert program.states() == {"door": "paused"}
        assert program.end() == 0, program.text()
    assert door.opened == 1


def test_the_file_is_taken_over_when_it_changes_and_on_a_hangup_and_mistakes_change_nothing(tmp_path, door, desk):
    here, there = source("door", door.url()), source("desk", "rtsp://user:${DESK_PASSWORD}@" + desk.url()[7:])
    desk.login = ("user", "S3cret")
    with Program(tmp_path, config(here), DESK_PASSWORD="S3cret") as program:
        program.wait_ready(WITHIN_S)
        soon(lambda: program.tracks("door"))

        program.path.write_text(config(here, there))
        soon(lambda: program.states() == {"door": "online", "desk": "online"})
        assert program.log_has("sources: desk added")

        program.path.write_text(config(here, there, margin='"much"') + "colour: red\n")
        soon(lambda: program.log_has("colour: unknown key"))
        assert program.log_has("stages.smooth.margin")
        assert program.log_has("the configuration stays as it was")
        assert program.states() == {"door": "online", "desk": "online"}

        other = tmp_path / "new.yaml"
        other.write_text(config(here, margin=0.2))
        other.rename(program.path)
        for _ in range(20):
            program.process.send_signal(signal.SIGHUP)
        soon(lambda: program.states() == {"door": "online"})
        soon(lambda: program.log_has("stages.smooth.margin: 0.2 instead of 0.05"))

        program.path.write_text(config(here, margin=0.2).replace("name: live", "name: other"))
        program.process.send_signal(signal.SIGHUP)
        soon(lambda: program.log_has("name: changed; takes effect at the next start"))
        undisturbed(program, door)
        assert program.get("/api/v1/status")["name"] == "live"
        assert program.end() == 0, program.text()
        assert "S3cret" not in program.text()
        assert "Traceback" not in program.text()


def test_a_camera_that_hangs_holds_up_nobody_and_comes_back_in_order(tmp_path, door, desk):
    patient = source("desk", desk.url()).replace("read_timeout_s: 3", "read_timeout_s: 30")
    with Program(tmp_path, config(source("door", door.url()), patient)) as program:
        program.wait_ready(WITHIN_S)
        soon(lambda: program.states() == {"door": "online", "desk": "online"})
        desk.frozen = True
        threading.Event().wait(0.3)
        assert program.ask("PATCH", "sources/desk", {"paused": True}) == 200
        assert program.ask("PATCH", "sources/desk", {"paused": False}) == 200
        assert program.states()["desk"] == "connecting"
        assert desk.opened == 1
        desk.frozen = False
        soon(lambda: program.states()["desk"] == "online")
        assert desk.opened == 2
        soon(lambda: len(program.events(source_id="desk", type="status")) == 3)
        told = [event["state"] for event in reversed(program.events(source_id="desk", type="status"))]
        assert told == ["online", "ended", "online"]
        undisturbed(program, door)
        assert program.end() == 0, program.text()


def test_a_run_may_begin_without_any_source_where_they_are_added_over_http(tmp_path, door):
    with Program(tmp_path, config().replace("sources:\n\n", "sources: []\n", 1)) as program:
        program.wait_ready(WITHIN_S)
        assert program.states() == {}
        assert program.ask("POST", "sources", {"id": "door", "uri": door.url()}) == 201
        soon(lambda: program.tracks("door"))
        assert program.ask("DELETE", "sources/door") == 204
        soon(lambda: not door.viewers)
        assert program.get("/readyz", expect=None) is not None
        assert program.end() == 0, program.text()
