"""What a picture's headers tell of it."""

from dataclasses import replace

import pytest

from engine.preview import Look, render
from engine.preview.shots import Shot
from engine.testing import FakeClock
from tests.support.shots import tracked_frame


@pytest.mark.parametrize(
    ("received_s", "told"),
    [
        (999.9361, "64"),  # it arrived 63.9 ms ago
        (1000.5, "0"),  # never less than nothing
        (0.0, None),  # of a recording: it never arrived
    ],
)
def test_a_picture_tells_how_long_it_took(received_s: float, told: str | None) -> None:
    tracked = tracked_frame()
    tracked = replace(tracked, frame=replace(tracked.frame, received_s=received_s))
    headers = dict(render(Shot(1, tracked, lambda _key: None), Look(), FakeClock(1000.0)).headers)
    assert headers.get("X-Latency-Ms") == told
