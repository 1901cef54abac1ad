"""Sources added, changed, paused and removed while a run lasts: what is asked of the fleet, and what is kept."""

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from engine.errors import ConfigError, HistoryError, Refusal, SourceRefused
from engine.history import History
from engine.sources.browsers import BrowserCameras
from engine.sources.config import SourceConfig
from engine.sources.managed import ManagedSources
from engine.sources.rules import NOT_REACHED, ApiSourcesConfig, SourceRules
from engine.testing import FakeFleet

DOOR = SourceConfig(id="door", uri="rtsp://u:filed@10.0.0.1/x")
YARD = SourceConfig(id="yard", uri="demo:")
CAMERA = {"id": "cam", "uri": "rtsp://admin:hunter2@10.0.0.7/live", "fps": 5}


@pytest.fixture
def history() -> Iterator[History]:
    opened = History("sqlite://")
    opened.open()
    yield opened
    opened.close()


class Engine:
    """One start of an engine on `history`."""

    def __init__(self, history: History, *configured: SourceConfig, begin: bool = True, **rules: Any) -> None:
        self.fleet = FakeFleet(configured)
        allowed = SourceRules(
            ApiSourcesConfig(**{"enabled": True, **rules}),
            lambda host: (ip_address(host),),
            own=lambda _address: False,
        )
        self.browsers = BrowserCameras(self.fleet, self.known)
        store = history.source_store("lobby")
        self.sources = ManagedSources(self.fleet, store, allowed, configured, self.browsers)
        if begin:
            self.sources.begin()

    def known(self) -> dict[str, str]:
        return {source_id: config.shown for source_id, config in self.fleet.running.items()}

    def told(self) -> list[tuple[str, str, bool]]:
        return [(one.config.id, one.origin, one.paused) for one in self.sources.all()]


@pytest.fixture
def engine(history: History) -> Engine:
    return Engine(history, DOOR, YARD)


def refused(action: Callable[[], object]) -> SourceRefused:
    with pytest.raises(SourceRefused) as caught:
        action()
    return caught.value


def test_what_was_added_is_read_with_checks_and_started_again_at_the_next_start(
    engine: Engine, history: History
) -> None:
    made = engine.sources.add(CAMERA)
    assert (made.config.uri, made.config.fps, made.origin, made.paused) == (CAMERA["uri"], 5.0, "api", False)
    assert engine.fleet.running["cam"] == made.config
    assert engine.fleet.openers["cam"] is not None and engine.fleet.openers["door"] is None
    next_one = Engine(history, DOOR, YARD)
    assert next_one.fleet.running["cam"] == made.config and next_one.fleet.openers["cam"] is not None
    assert next_one.told() == [("door", "file", False), ("yard", "file", False), ("cam", "api", False)]
    assert next_one.fleet.done == ["start cam"]


def test_what_was_paused_stays_paused(engine: Engine, history: History) -> None:
    engine.sources.add(CAMERA)
    for source_id in ("cam", "yard"):
        engine.sources.pause(source_id)
    engine.sources.pause("cam")
    assert engine.fleet.done == ["start cam", "pause cam", "pause yard"]
    second = Engine(history, DOOR, YARD)
    assert second.told() == [("door", "file", False), ("yard", "file", True), ("cam", "api", True)]
    assert set(second.fleet.running) == {"door"}
    second.sources.resume("cam")
    second.sources.resume("yard")
    assert set(second.fleet.running) == {"door", "cam", "yard"} and second.fleet.openers["yard"] is None
    assert Engine(history, DOOR, YARD).told() == [
        ("door", "file", False),
        ("yard", "file", False),
        ("cam", "api", False),
    ]


def test_one_may_be_added_paused(engine: Engine) -> None:
    engine.sources.add({**CAMERA, "paused": True})
    assert "cam" not in engine.fleet.running
    engine.sources.change("cam", {"fps": 3})
    assert "cam" not in engine.fleet.running
    engine.sources.change("cam", {"paused": None})
    assert engine.fleet.running["cam"].fps == 3


def test_a_change_of_one_key_keeps_the_others_and_the_password(engine: Engine, history: History) -> None:
    engine.sources.add(CAMERA)
    assert engine.sources.change("cam", {"transport": "udp", "fps": None}).config == SourceConfig(
        id="cam", uri=CAMERA["uri"], transport="udp"
    )
    assert engine.fleet.done == ["start cam", "start cam"]
    assert Engine(history).fleet.running["cam"].uri == CAMERA["uri"]


def test_what_was_read_may_be_sent_back(engine: Engine) -> None:
    engine.sources.add(CAMERA)
    engine.sources.change("cam", {"id": "cam", "uri": "rtsp://***@10.0.0.7/live", "fps": 5, "paused": False})
    assert engine.fleet.done == ["start cam"], "nothing differs, nothing restarts"
    with pytest.raises(ConfigError, match=r"uri: \*\*\* stands for credentials"):
        engine.sources.change("cam", {"uri": "rtsp://***@10.0.0.8/live"})
    assert engine.fleet.running["cam"].uri == CAMERA["uri"]


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"id": "other"}, ["id: cannot be changed; add another source instead"]),
        ({"id": None}, ["id: cannot be changed; add another source instead"]),
        ({"uri": None}, ["uri: is missing"]),
        ({"fps": -1}, ["fps: -1 should be greater than 0"]),
        ({"fsp": 1}, ["fsp: unknown key; did you mean 'fps'?"]),
        ({"paused": "perhaps"}, ["paused: 'perhaps' should be a valid boolean, unable to interpret input"]),
        ({"uri": "concat:a|b", "loop": 7}, None),
        ({"uri": "rtsp://127.0.0.1/x"}, [f"uri: {NOT_REACHED}"]),
    ],
)  # fmt: skip
def test_a_change_that_is_wrong_changes_nothing(
    engine: Engine, history: History, changes: dict[str, Any], problems: list[str] | None
) -> None:
    engine.sources.add(CAMERA)
    with pytest.raises(ConfigError) as caught:
        engine.sources.change("cam", changes)
    if problems is None:
        assert [one.partition(":")[0] for one in caught.value.problems] == ["uri", "loop"]
    else:
        assert list(caught.value.problems) == problems
    assert engine.fleet.done == ["start cam"]
    assert Engine(history).sources.get("cam").config.fps == 5


def test_a_removed_one_is_gone_and_may_be_added_again(engine: Engine, history: History) -> None:
    engine.sources.add(CAMERA)
    engine.sources.remove("cam")
    assert engine.fleet.done == ["start cam", "stop cam"]
    assert Engine(history).told() == []
    assert refused(lambda: engine.sources.remove("cam")).why is Refusal.UNKNOWN
    assert refused(lambda: engine.sources.pause("cam")).why is Refusal.UNKNOWN
    engine.sources.add(CAMERA)
    assert "cam" in engine.fleet.running


def test_sources_of_the_file_can_only_be_paused(engine: Engine) -> None:
    for action in (
        lambda: engine.sources.change("door", {"fps": 3}),
        lambda: engine.sources.change("door", {"uri": "rtsp://127.0.0.1/x"}),
        lambda: engine.sources.remove("door"),
    ):
        error = refused(action)
        assert error.why is Refusal.FROM_FILE and "change it there, it is read again while running" in str(error)
    assert refused(lambda: engine.sources.add({**CAMERA, "id": "door"})).why is Refusal.EXISTS
    assert engine.fleet.done == []


def test_there_is_a_bound_to_their_number(history: History) -> None:
    engine = Engine(history, DOOR, max=2)
    engine.sources.add(CAMERA)
    error = refused(lambda: engine.sources.add({**CAMERA, "id": "more"}))
    assert (error.why, "api.sources.max is 2" in str(error)) == (Refusal.FULL, True)


def test_a_history_that_cannot_be_written_changes_nothing(engine: Engine, history: History) -> None:
    engine.sources.add(CAMERA)
    before = engine.told()
    history.close()
    for action in (
        lambda: engine.sources.add({**CAMERA, "id": "more"}),
        lambda: engine.sources.pause("cam"),
        lambda: engine.sources.pause("door"),
        lambda: engine.sources.change("cam", {"fps": 1}),
        lambda: engine.sources.remove("cam"),
    ):
        with pytest.raises(HistoryError):
            action()
    assert (engine.told(), engine.fleet.done) == (before, ["start cam"])


def test_with_the_feature_off_nothing_stored_is_started_and_all_of_it_kept(history: History, caplog: Any) -> None:
    Engine(history, DOOR).sources.add(CAMERA)
    off = Engine(history, DOOR, enabled=False)
    assert off.told() == [("door", "file", False)] and off.fleet.done == []
    assert "1 sources added over HTTP are not started: api.sources.enabled is false" in caplog.text
    assert Engine(history, DOOR).told() == [("door", "file", False), ("cam", "api", False)]


def test_what_makes_no_sense_any_more_is_not_started_and_can_be_removed(history: History, caplog: Any) -> None:
    history.source_store("lobby").put("cam", {"uri": "rtsp://u:hunter2@10.0.0.7/x", "zoom": 3}, False)
    engine = Engine(history, DOOR)
    assert engine.told() == [("door", "file", False)]
    assert "source cam is not started: zoom: unknown key" in caplog.text and "hunter2" not in caplog.text
    engine.sources.remove("cam")
    assert history.source_store("lobby").load() == ()


def test_the_file_wins_over_what_was_added_under_its_id(history: History) -> None:
    Engine(history).sources.add({**CAMERA, "id": "door", "paused": True})
    engine = Engine(history, DOOR)
    assert engine.told() == [("door", "file", False)] and engine.fleet.running == {"door": DOOR}
    assert Engine(history).told() == [], "and what was added is forgotten, so that it never comes back unasked"


def test_a_file_read_again_starts_and_stops_only_what_differs(engine: Engine, history: History) -> None:
    engine.sources.add(CAMERA)
    engine.sources.add({**CAMERA, "id": "attic"})
    engine.fleet.done.clear()
    faster = SourceConfig(id="door", uri=DOOR.uri, fps=3)
    attic = SourceConfig(id="attic", uri="demo:")
    engine.sources.reconfigure([faster, attic, YARD])
    assert engine.fleet.done == ["start door", "start attic"]
    assert engine.told() == [
        ("door", "file", False), ("attic", "file", False), ("yard", "file", False), ("cam", "api", False)
    ]  # fmt: skip
    assert engine.fleet.running["door"] == faster and engine.fleet.openers["attic"] is None
    engine.sources.reconfigure([YARD])
    assert set(engine.fleet.running) == {"yard", "cam"}
    assert Engine(history, YARD).told() == [("yard", "file", False), ("cam", "api", False)]


def test_a_paused_source_of_the_file_stays_paused_when_the_file_is_read_again(engine: Engine) -> None:
    engine.sources.pause("door")
    engine.sources.reconfigure([SourceConfig(id="door", uri="rtsp://10.0.0.2/x"), YARD])
    assert "door" not in engine.fleet.running
    engine.sources.reconfigure([YARD])
    engine.sources.reconfigure([DOOR, YARD])
    assert "door" not in engine.fleet.running
    engine.sources.resume("door")
    assert engine.fleet.running["door"] == DOOR


def test_an_engine_that_does_not_have_the_sources_starts_and_changes_none_until_it_has(history: History) -> None:
    Engine(history).sources.add(CAMERA)
    store = history.source_store("lobby")
    held = {"mine": False}

    class Shared:
        load, put, remove = store.load, store.put, store.remove

        def is_mine(self) -> bool:
            return held["mine"]

    fleet = FakeFleet()
    rules = SourceRules(ApiSourcesConfig(enabled=True), lambda host: (ip_address(host),), own=lambda _one: False)
    sources = ManagedSources(fleet, Shared(), rules, ())
    sources.begin()
    assert refused(lambda: sources.add({**CAMERA, "id": "more"})).why is Refusal.ELSEWHERE
    assert fleet.done == []
    held["mine"] = True
    sources.add({**CAMERA, "id": "more"})
    assert fleet.done == ["start cam", "start more"], "with the sources come those that were added elsewhere"


def test_the_name_of_a_browsers_camera_is_not_had_again(engine: Engine) -> None:
    pictures = engine.browsers.begin("cam")
    assert refused(lambda: engine.sources.add(CAMERA)).why is Refusal.EXISTS
    assert engine.fleet.running["cam"].kind == "browser" and pictures.dismissal is None
    engine.browsers.end(pictures)
    engine.sources.add(CAMERA)
    assert refused(lambda: engine.browsers.begin("cam")).why is Refusal.EXISTS


def test_the_file_may_take_the_name_of_a_browsers_camera_and_the_browser_is_told(engine: Engine) -> None:
    pictures = engine.browsers.begin("gate")
    gate = SourceConfig(id="gate", uri="demo:")
    engine.sources.reconfigure([DOOR, YARD, gate])
    assert engine.fleet.running["gate"] == gate
    assert pictures.dismissal == "another camera has its name now"
    engine.browsers.end(pictures)
    assert engine.fleet.running["gate"] == gate


LARGE = 2**31 - 1


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("max_pixels", LARGE, "max_pixels: 2147483647 is more than 2000000, which api.sources.max_pixels allows"),
        ("max_pixels", 2_000_001, "max_pixels: 2000001 is more than"),
        ("open_timeout_s", 86_400, "open_timeout_s: 86400.0 is more than 30, which api.sources.max_timeout_s allows"),
        ("read_timeout_s", 31, "read_timeout_s: 31.0 is more than 30"),
        ("stall_after_s", 31, "stall_after_s: 31.0 is more than 30"),
    ],
)
def test_whoever_adds_a_source_does_not_set_its_ceilings(history: History, key: str, value: float, told: str) -> None:
    sources = Engine(history, max_pixels=2_000_000, max_timeout_s=30).sources
    sources.add(CAMERA)
    for ask in (
        lambda: sources.add({**CAMERA, "id": "other", key: value}),
        lambda: sources.examine({**CAMERA, "id": "other", key: value}),
        lambda: sources.change("cam", {key: value}),
    ):
        with pytest.raises(ConfigError) as caught:
            ask()
        assert str(caught.value).startswith(told)


def test_defaults_and_what_was_stored_come_down_to_the_ceilings(history: History) -> None:
    Engine(history).sources.add({**CAMERA, "max_pixels": 9_000_000, "read_timeout_s": 50})
    later = Engine(history, max_pixels=1000, max_timeout_s=2)
    [stored] = later.sources.all()
    assert (stored.config.max_pixels, stored.config.read_timeout_s, stored.config.stall_after_s) == (1000, 2, 2)
    assert later.sources.examine({"uri": "rtsp://10.0.0.7/live"}).max_pixels == 1000
    assert later.sources.change("cam", {"fps": 3, "max_pixels": None}).config.max_pixels == 1000


def test_sources_of_the_configuration_file_have_no_ceiling(history: History) -> None:
    wide = SourceConfig(id="wide", uri="demo:", max_pixels=LARGE)
    engine = Engine(history, wide, max_pixels=1000)
    engine.sources.pause("wide")
    assert engine.sources.resume("wide").config.max_pixels == LARGE
