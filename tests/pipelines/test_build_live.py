"""The whole line built from a configuration, with sources that come and go."""

from threading import Thread

import pytest

from engine.sources.config import SourceConfig
from pipelines.build import Builder, cores
from pipelines.config import parse
from tests.support.redis_server import until

WITHIN_S = 60
LIVE = """
name: live
sources: [{sources}]
stages: {{track: {{confirm_s: 0}}, detect: {{workers: {workers}}}}}
api: {{sources: {{enabled: {enabled}}}}}
"""


class Sink:
    """The events, as they come."""

    def __init__(self):
        self.documents = []

    def process(self, items):
        self.documents += [event.document for event in items]
        return items

    def flush(self):
        return ()

    def close(self):
        pass

    def states(self, source_id):
        return [one["state"] for one in self.documents if one["type"] == "status" and one["source_id"] == source_id]

    def tracks(self, source_id, kind="new"):
        return [one["track_uid"] for one in self.documents if one["type"] == kind and one["source_id"] == source_id]


def machine_of(sources="", workers="auto", enabled="true"):
    sink = Sink()
    return Builder(parse(LIVE.format(sources=sources, workers=workers, enabled=enabled)), "run", sink).build(), sink


@pytest.mark.parametrize(
    ("sources", "workers", "enabled", "expected"),
    [
        ("", "auto", "true", cores()),
        ("", 3, "true", 3),
        ("{id: a, uri: 'demo:'}", 3, "false", 1),
        ("{id: a, uri: 'demo:'}, {id: b, uri: 'demo:'}", "auto", "false", min(2, cores())),
    ],
)
def test_where_sources_may_be_added_the_workers_follow_the_cores_else_the_sources(sources, workers, enabled, expected):
    machine, _ = machine_of(sources, workers, enabled)
    assert len(machine.tracks) == expected


def test_without_sources_a_configuration_is_a_mistake_unless_they_may_be_added():
    with pytest.raises(Exception, match="sources: is empty"):
        machine_of(enabled="false")


@pytest.mark.timeout(400)
def test_faces_of_sources_that_come_and_go_become_events_and_no_stage_keeps_anything_of_them():
    machine, sink = machine_of(workers=1)
    runner = Thread(target=machine.runner.run)
    runner.start()
    try:
        for name in ("a", "b", "a"):
            before = len(sink.tracks(name))
            machine.fleet.start(SourceConfig(id=name, uri="demo:", fps=5))
            until(lambda name=name, before=before: len(sink.tracks(name)) > before, WITHIN_S)
            machine.fleet.stop(name)
            until(lambda name=name: sink.states(name)[-1] == "ended", WITHIN_S)
        for name in ("a", "b"):
            until(lambda name=name: sorted(sink.tracks(name, "end")) == sorted(sink.tracks(name)), WITHIN_S)
            assert len(set(sink.tracks(name))) == len(sink.tracks(name))
        assert sink.states("a") == ["online", "ended", "online", "ended"]
        until(lambda: machine.ledger.snapshot() == {}, WITHIN_S)
        knobs = machine.knobs
        assert [knobs.tracks[0]._trackers, knobs.detects[0]._schedules] == [{}, {}]
        assert [knobs.smooth._tracks, knobs.smooth._swept_s] == [{}, {}]
        assert [channel.stats().lanes for channels in machine.channels.values() for channel in channels] == [0] * 4
        assert runner.is_alive()
    finally:
        machine.runner.stop()
        runner.join(30)
    assert machine.runner.state == "stopped"
    assert machine.runner.abandoned == ()
