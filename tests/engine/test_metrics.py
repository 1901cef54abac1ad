from collections.abc import Iterator
from typing import Any

from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from engine.ledger import FrameCounts, Outcome
from engine.metrics import render
from engine.status import RunStatus
from tests.support.run_status import run_status, source

STATUS = run_status()


def families(status: RunStatus) -> list[Any]:
    page, content_type = render(status)
    assert content_type.startswith("text/plain")
    return list(text_string_to_metric_families(page.decode()))


def samples(status: RunStatus) -> dict[tuple[str, ...], float]:
    """`(name, label value, ...)` to value; labels in the order of their names."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in families(status)
        for sample in family.samples
    }


def test_captured_is_the_sum_of_the_outcomes_of_each_source() -> None:
    found = samples(STATUS)
    for source_id, captured in (("door", 100), ("desk", 0)):
        outcomes = [found["moodline_frames_total", outcome.value, source_id] for outcome in Outcome]
        assert found["moodline_frames_captured_total", source_id] == sum(outcomes) == captured
    assert found["moodline_frames_in_flight", "door"] == 2


def test_each_number_of_the_status_is_there() -> None:
    expected: dict[tuple[str, ...], float] = {
        ("moodline_ready",): 1,
        ("moodline_uptime_seconds",): 12.5,
        ("moodline_run_info", "lobby", STATUS.run_id, "0.1.0"): 1,
        ("moodline_source_up", "door"): 1,
        ("moodline_source_up", "desk"): 0,
        ("moodline_source_fps", "door"): 14.8,
        ("moodline_source_last_frame_age_seconds", "door"): 0.04,
        ("moodline_source_reconnects_total", "door"): 3,
        ("moodline_tracks", "door"): 2,
        ("moodline_tracks_rejected_total",): 6,
        ("moodline_events_total", "new"): 4,
        ("moodline_chips_total", "dropped_queue"): 1,
        ("moodline_channel_depth", "frames"): 1,
        ("moodline_channel_dropped_total", "frames"): 2,
        ("moodline_model_info", "cpu", "emotion-fer", "ab" * 32, "classify"): 1,
        ("moodline_history_up",): 1,
        ("moodline_bus_up",): 0,
        ("moodline_bus_pending",): 7,
        ("moodline_bus_lost_total",): 0,
    }
    found = samples(STATUS)
    assert {key: found.get(key) for key in expected} == expected


def test_a_number_that_is_not_known_is_absent() -> None:
    assert ("moodline_source_last_frame_age_seconds", "desk") not in samples(STATUS)


def test_the_process_is_there_too() -> None:
    found = samples(STATUS)
    assert found["process_resident_memory_bytes",] > 1_000_000
    assert found["process_cpu_seconds_total",] > 0


def test_every_metric_says_what_it_is() -> None:
    for family in families(STATUS):
        assert family.documentation.strip(), family.name
        assert family.type in ("gauge", "counter"), family.name


def test_a_page_leaves_nothing_behind() -> None:
    def known() -> Iterator[str]:
        return (family.name for family in REGISTRY.collect() if family.name.startswith("moodline"))

    assert render(STATUS)[0] and list(known()) == []
    other = samples(run_status(sources=(source("yard"),)))
    assert ("moodline_frames_captured_total", "yard") in other
    assert ("moodline_frames_captured_total", "door") not in other


def test_odd_names_are_escaped() -> None:
    detail = 'new\nline "quoted" \\'
    found = samples(run_status(events={detail: 1}))
    assert found["moodline_events_total", detail] == 1


def test_sources_that_were_removed_are_one_sum_without_names() -> None:
    gone = FrameCounts(9, 0, {**dict.fromkeys(Outcome, 0), Outcome.INFERRED: 7, Outcome.DROPPED_QUEUE: 2})
    found = samples(run_status(removed=gone))
    assert found["moodline_removed_frames_total", "inferred"] == 7
    assert sum(count for key, count in found.items() if key[0] == "moodline_removed_frames_total") == 9
