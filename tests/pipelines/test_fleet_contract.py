"""What every fleet promises, the one that ships for tests and the one that reads."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from engine.sources.config import SourceConfig
from engine.sources.fleet import Fleet
from engine.testing import FakeFleet
from tests.pipelines.test_fleet import Camera, Rig
from tests.support.redis_server import until

DOOR = SourceConfig(id="door", uri="rtsp://cam/1")


@dataclass
class Subject:
    """A fleet, which of its sources are paused, and whether one is opened by a given opener."""

    fleet: Fleet
    paused: Callable[[], dict[str, bool]]
    opens: Callable[[str, Any], bool]


@pytest.fixture(params=["fake", "real"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "fake":
        fake = FakeFleet()
        yield Subject(
            fake,
            lambda: {**dict.fromkeys(fake.running, False), **dict.fromkeys(fake.paused, True)},
            lambda source_id, opener: fake.openers[source_id] is opener,
        )
    else:
        with Rig() as rig:

            def opens(_source_id: str, opener: Any) -> bool:
                until(lambda: opener.opened > 0, 20)
                return True

            yield Subject(rig.fleet, lambda: {name: state == "paused" for name, state in rig.shown().items()}, opens)


def test_what_is_started_is_there_and_opened_as_was_said(subject: Subject) -> None:
    camera = Camera()
    subject.fleet.start(DOOR, camera)
    assert subject.paused() == {"door": False}
    assert subject.opens("door", camera)


def test_what_is_stopped_leaves_and_what_is_paused_stays(subject: Subject) -> None:
    for source_id in ("door", "yard"):
        subject.fleet.start(SourceConfig(id=source_id, uri="rtsp://cam/1"), Camera())
    subject.fleet.stop("door")
    subject.fleet.stop("yard", paused=True)
    assert subject.paused() == {"yard": True}
    subject.fleet.stop("yard", paused=True)
    assert subject.paused() == {"yard": True}
    subject.fleet.stop("yard")
    assert subject.paused() == {}


def test_a_paused_one_begins_again_and_a_running_one_is_exchanged(subject: Subject) -> None:
    subject.fleet.start(DOOR, Camera())
    subject.fleet.stop("door", paused=True)
    for camera in (Camera(), Camera()):
        subject.fleet.start(DOOR, camera)
        assert subject.paused() == {"door": False}
        assert subject.opens("door", camera)


@pytest.mark.parametrize("paused", [False, True])
def test_an_id_that_nobody_knows_is_no_error(subject: Subject, paused: bool) -> None:
    subject.fleet.stop("nobody", paused)
    assert subject.paused() == {}
