"""Damage is counted, and nothing of it is handed out: each kind is made by spoiling a whole clip."""

from contextlib import closing

import numpy as np
import pytest

from engine.errors import Cause, SourceError
from engine.sources.config import SourceConfig
from engine.sources.picture import NO_LOSSES
from engine.sources.reader import open_reader

_TS_PACKET = 188


def _hole(data: bytearray) -> None:
    """Forty packets of a transport stream that never came."""
    start = len(data) // 3 // _TS_PACKET * _TS_PACKET
    del data[start : start + 40 * _TS_PACKET]


def _sparse_loss(data: bytearray) -> None:
    """Every fiftieth packet is gone."""
    kept = [data[at : at + _TS_PACKET] for at in range(0, len(data), _TS_PACKET) if at // _TS_PACKET % 50 != 30]
    data[:] = b"".join(kept)


def _zeros(data: bytearray) -> None:
    start = len(data) * 2 // 5
    data[start : start + 3000] = bytes(3000)


def _read_all(path):
    pictures = []
    with closing(open_reader(SourceConfig(id="a", uri=str(path)))) as reader:
        try:
            while True:
                pictures += [picture] if (picture := reader.read()) else []
        except SourceError as error:
            return pictures, reader.losses, error


@pytest.mark.parametrize(
    ("name", "spoil", "unnoticed"),
    [
        ("moving.ts", _hole, 0),
        ("moving.ts", _sparse_loss, 5),  # the decoder conceals a few without a word
        ("moving.ts", _zeros, 0),
        ("moving.mkv", _zeros, 0),
        ("moving.mp4", _zeros, 0),
        ("moving.avi", _zeros, 0),
    ],
)
def test_each_frame_is_whole_or_counted_as_lost_or_damaged(clips, name, spoil, unnoticed):
    whole, losses, _ = _read_all(clips[name])
    assert losses == NO_LOSSES
    data = bytearray(clips[name].read_bytes())
    spoil(data)
    path = clips.folder / f"spoiled{spoil.__name__}_{name}"
    path.write_bytes(data)
    pictures, losses, error = _read_all(path)
    assert error.cause is Cause.ENDED
    assert losses.lost + losses.damaged > 0
    assert len(pictures) + losses.lost + losses.damaged == pytest.approx(len(whole), abs=1)
    seen = np.array([one.image[::8, ::8].astype(int) for one in whole])
    differ = [(np.abs(seen - one.image[::8, ::8]) > 12).mean(axis=(1, 2, 3)).min() for one in pictures]
    assert sum(share > 0.005 for share in differ) <= unnoticed


@pytest.mark.parametrize("name", ["trimmed.mp4", "long_sound.mkv", "still.ogv", "plain.h264"])
def test_whole_files_lose_nothing_however_their_packets_lie(clips, name):
    expected = {"trimmed.mp4": 17, "late_video.mkv": 50, "long_sound.mkv": 50, "still.ogv": 5, "plain.h264": 50}
    pictures, losses, error = _read_all(clips[name])
    assert error.cause is Cause.ENDED
    assert losses == NO_LOSSES
    assert len(pictures) == expected[name]
