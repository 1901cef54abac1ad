"""Pictures that are put in from outside: the newest counts, none is lost uncounted, no hostile one is decoded."""

import struct
from threading import Event, Thread
from typing import Any

import cv2
import numpy as np
import pytest

from engine.clock import SystemClock
from engine.errors import Cause, ConfigError, Refusal, SourceError, SourceRefused
from engine.items import Frame, SourceStatus
from engine.ledger import Ledger, Outcome
from engine.sources.browsers import BrowserCameras
from engine.sources.config import SourceConfig
from engine.sources.pushed import MAX_PIXELS, PushedPictures, check_jpeg
from engine.stages.capture import Capture
from engine.testing import FakeFleet
from pipelines.config import parse
from tests.support.redis_server import until


def jpeg(level: int = 90, width: int = 64, height: int = 48, *flags: int) -> bytes:
    data = cv2.imencode(".jpg", np.full((height, width, 3), level, np.uint8), list(flags))[1]
    return data.tobytes()


def with_size(data: bytes, width: int, height: int) -> bytes:
    """The same JPEG, telling another size."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def test_the_newest_picture_is_read_and_those_before_it_are_told_as_missed() -> None:
    pictures = PushedPictures("desk")
    for number in range(1, 4):
        pictures.put(number, jpeg(60 * number))
    picture = pictures.take(1)
    assert picture is not None
    assert abs(int(picture.image[0, 0, 0]) - 180) < 5
    assert (picture.missed, pictures.taken, pictures.sequence_of(picture.image)) == (2, 3, 3)


def test_an_image_that_nobody_holds_any_more_is_forgotten() -> None:
    pictures = PushedPictures("desk")
    pictures.put(1, jpeg())
    first = pictures.take(1)
    pictures.put(2, jpeg())
    second = pictures.take(1)
    assert first is not None
    assert second is not None
    assert pictures.sequence_of(second.image) == 2
    assert pictures.sequence_of(np.zeros_like(second.image)) is None


def test_without_a_picture_reading_ends_with_a_timeout_and_at_the_end_with_nothing() -> None:
    pictures = PushedPictures("desk")
    with pytest.raises(SourceError) as lost:
        pictures.take(0.01)
    assert lost.value.cause is Cause.TIMEOUT
    pictures.put(1, jpeg())
    pictures.close()
    assert pictures.take(60) is None


SPOILED = jpeg()[: jpeg().index(b"\xff\xda")] + b"\xff\xd9"
"""A frame around nothing."""


def test_a_picture_that_cannot_be_decoded_is_left_out_told_and_counted_with_the_next() -> None:
    told: list[bool] = []
    pictures = PushedPictures("desk", lambda: told.append(True))
    for number in (1, 2):
        pictures.put(number, SPOILED)
        assert pictures.take(1) is None
    assert (pictures.spoiled, pictures.taken, pictures.refusal, told) == (2, 2, None, [True, True])
    for number, spoiled in ((3, 2), (4, 0)):
        pictures.put(number, jpeg())
        picture = pictures.take(1)
        assert picture is not None and picture.spoiled == spoiled


def test_of_pictures_that_never_can_be_decoded_no_more_are_wanted() -> None:
    pictures = PushedPictures("desk")
    for number in range(1, 11):
        assert pictures.refusal is None
        pictures.put(number, SPOILED)
        pictures.take(1)
    assert pictures.refusal == "10 JPEGs in a row cannot be decoded"


PROGRESSIVE = jpeg(90, 64, 48, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
HOSTILE = {
    "empty": (b"", "no JPEG"),
    "png": (cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes(), "no JPEG"),
    "text": (b"<script>alert(1)</script>", "no JPEG"),
    "cut": (jpeg()[:-10], "no end"),
    "bomb": (with_size(jpeg(), 65_500, 65_500), "65500x65500 has more than 921600 pixels"),
    "one row too many": (with_size(jpeg(), 1280, 721), "more than"),
    "no size": (with_size(jpeg(), 0, 0), "its size"),
    "only padding": (b"\xff\xd8" + b"\xff" * 2**20 + b"\xff\xd9", "its size"),
    "size far behind": (b"\xff\xd8" + b"\xff\xfe\xff\xff" + bytes(65_533) + jpeg()[2:], "its size"),
    # A decoder takes no length after these markers, so that it would find another frame header than a length tells of.
    "marker without a length": (b"\xff\xd8\xff\x01\x00\x04\xff\xd9" + jpeg()[2:], "its size"),
    "length of nothing": (b"\xff\xd8\xff\xe0\x00\x00" + jpeg()[2:], "its size"),
    "many scans": (PROGRESSIVE[:-2] + b"\xff\xda\x00\x08" * 40 + b"\xff\xd9", "more than 32 scans"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_whole_small_jpeg_is_refused_before_it_is_decoded(name: str) -> None:
    data, reason = HOSTILE[name]
    with pytest.raises(ValueError, match=reason):
        check_jpeg(data)


@pytest.mark.parametrize("data", [jpeg(), jpeg(5, 1280, 720), jpeg(5, 720, 1280), PROGRESSIVE])
def test_what_a_canvas_gives_is_taken(data: bytes) -> None:
    check_jpeg(data)


@pytest.fixture
def running() -> Any:
    """A capture loop over pushed pictures, on a thread of its own."""
    pictures, ledger, items, arrived = PushedPictures("desk"), Ledger(), [], Event()

    def emit(item: Any) -> None:
        items.append(item)
        if isinstance(item, Frame):
            ledger.settle("desk", Outcome.INFERRED)
            arrived.set()

    clock = SystemClock()
    capture = Capture(
        pictures.config, emit, ledger, clock, paced=True, epoch_s=clock.monotonic(), open_reader=pictures.open
    )
    thread = Thread(target=capture.run)
    thread.start()
    yield pictures, capture, ledger, items, arrived
    capture.stop()
    pictures.close()
    thread.join(10)
    assert not thread.is_alive()


def test_the_source_is_connecting_then_online_and_ended_when_the_page_leaves(running: Any) -> None:
    pictures, capture, _, items, arrived = running
    until(lambda: bool(items))
    assert capture.snapshot().state == "connecting"
    pictures.put(1, jpeg())
    assert arrived.wait(10)
    assert capture.snapshot().state == "online"
    assert capture.snapshot().uri == "browser:"
    capture.leave("removed")
    pictures.close()
    until(lambda: [item.state for item in items if isinstance(item, SourceStatus)][-1] == "ended")


def test_every_picture_that_came_is_counted_once(running: Any) -> None:
    pictures, _, ledger, _, _ = running
    sent = 200
    for number in range(1, sent + 1):
        pictures.put(number, jpeg())
    until(lambda: pictures.taken == sent and ledger.counts("desk").captured == sent)
    counts = ledger.counts("desk")
    assert counts.captured == sum(counts.outcomes.values()) == sent
    assert counts.in_flight == 0
    assert counts.outcomes[Outcome.INFERRED] >= 1


def test_pictures_that_cannot_be_decoded_count_as_failed_and_the_camera_goes_on(running: Any) -> None:
    pictures, capture, ledger, _, _ = running
    for number, data in enumerate((jpeg(), SPOILED, SPOILED, jpeg()), 1):
        pictures.put(number, data)
        until(lambda number=number: pictures.taken == number)
    until(lambda: ledger.counts("desk").captured == 4)
    counts = ledger.counts("desk").outcomes
    assert (counts[Outcome.FAILED], counts[Outcome.INFERRED], sum(counts.values())) == (2, 2, 4)
    assert capture.snapshot().state == "online"


def shown(fleet: FakeFleet) -> dict[str, str]:
    return {"door": "rtsp://door"} | {config.id: config.shown for config in fleet.running.values()}


def test_a_source_that_took_the_place_of_a_browser_is_left_alone() -> None:
    fleet = FakeFleet()
    cameras = BrowserCameras(fleet, lambda: shown(fleet))
    pictures = cameras.begin("desk")
    fleet.start(SourceConfig(id="desk", uri="demo:"))
    cameras.end(pictures)
    assert fleet.running["desk"].uri == "demo:"


def test_at_most_so_many_browsers_and_each_under_a_name_of_its_own() -> None:
    fleet = FakeFleet()
    cameras = BrowserCameras(fleet, lambda: shown(fleet), limit=2)
    first = cameras.begin("browser-1")
    assert fleet.running["browser-1"].shown == "browser:"
    for taken in ("browser-1", "door"):
        with pytest.raises(SourceRefused) as refused:
            cameras.begin(taken)
        assert refused.value.why is Refusal.EXISTS
    second = cameras.begin("browser-2")
    with pytest.raises(SourceRefused) as refused:
        cameras.begin("browser-3")
    assert refused.value.why is Refusal.FULL
    cameras.end(first)
    cameras.end(first)
    again = cameras.begin("browser-1")
    cameras.end(first)  # of an earlier visit
    assert set(fleet.running) == {"browser-1", "browser-2"}
    cameras.end(second)
    cameras.end(again)
    assert not fleet.running


def test_it_is_known_for_a_while_which_names_browsers_had() -> None:
    cameras = BrowserCameras(FakeFleet(), dict)
    stays = cameras.begin("stays")
    for number in range(300):
        cameras.end(cameras.begin(f"visit-{number}"))
    assert [cameras.lent(name) for name in ("stays", "visit-299", "visit-0", "door")] == [True, True, False, False]
    cameras.end(stays)
    with cameras.hold("visit-299"):
        assert cameras.lent("stays") and not cameras.lent("visit-299")


def test_a_browser_that_is_dismissed_is_told_why_and_its_name_is_free() -> None:
    fleet, told = FakeFleet(), []
    cameras = BrowserCameras(fleet, lambda: shown(fleet))
    pictures = cameras.begin("desk", lambda: told.append(pictures.dismissal))
    assert cameras.has("desk") and not cameras.dismiss("door", "no reason")
    assert cameras.dismiss("desk", "enough")
    assert (told, pictures.take(60), fleet.done) == (["enough"], None, ["start desk", "stop desk"])
    again = cameras.begin("desk")
    cameras.end(pictures)
    assert cameras.has("desk")
    cameras.end(again)


def test_while_another_source_takes_a_name_no_browser_gets_it() -> None:
    fleet = FakeFleet()
    cameras = BrowserCameras(fleet, lambda: shown(fleet))
    with cameras.hold("desk"), pytest.raises(SourceRefused):
        cameras.begin("desk")
    fed = cameras.begin("desk")
    with pytest.raises(SourceRefused, match="a browser sends it; end it"), cameras.hold("desk"):
        pass
    cameras.end(fed)
    assert cameras.lent("desk") and not cameras.lent("door")  # what it sent may still be on its way
    with cameras.hold("desk"):
        pass
    assert not cameras.lent("desk")


def test_no_configuration_names_a_browser() -> None:
    with pytest.raises(ConfigError, match="'browser' is no kind of source"):
        parse("name: x\nsources: [{id: a, uri: 'browser:'}]")


def test_the_size_of_the_largest_picture_is_720p() -> None:
    assert MAX_PIXELS == 1280 * 720
