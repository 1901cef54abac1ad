import cv2
import numpy as np
import pytest

from engine.errors import ConfigError
from engine.sources.av_writer import VideoWriter
from trainer.detector.shots import Clip, Sampling, Stills, open_sources
from trainer.sources.base import PictureReader


def drawn(seed: int = 0, size: int = 64) -> np.ndarray:
    """Large blots, which survive a video codec."""
    blots = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return cv2.resize(blots, (size, size), interpolation=cv2.INTER_NEAREST)


@pytest.fixture
def stills(tmp_path):
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for number, name in enumerate(["a.png", "b.JPG", "deep/c.webp", "deep/d.bmp"]):
        assert cv2.imwrite(str(folder / name), drawn(number))
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def clip(tmp_path):
    """Four seconds at ten pictures a second; the picture changes after one and after three seconds."""
    path = tmp_path / "walk.mp4"
    with VideoWriter(path, 64, 64, 10) as writer:
        for number in range(40):
            writer.write(drawn(0 if number < 10 else 1 if number < 30 else 2), number / 10)
    return path


def names(source, sampling=None):
    return [shot.name for shot in source.shots(sampling or Sampling())]


def test_a_folder_gives_its_pictures_and_those_within(stills):
    source = Stills(str(stills), PictureReader())
    assert names(source) == ["photos/a.png", "photos/b.JPG", "photos/deep/c.webp", "photos/deep/d.bmp"]
    assert (source.expected, source.others) == (4, 1)
    assert all(shot.group == shot.name for shot in source.shots(Sampling()))


def test_one_picture_is_a_source(stills):
    (shot,) = Stills(str(stills / "a.png"), PictureReader()).shots(Sampling())
    assert shot.name == "a.png"
    np.testing.assert_array_equal(shot.image, drawn(0))


def test_a_gray_picture_becomes_three_channels(tmp_path):
    cv2.imwrite(str(tmp_path / "gray.png"), drawn(0)[:, :, 0])
    (shot,) = Stills(str(tmp_path), PictureReader()).shots(Sampling())
    assert shot.image.shape == (64, 64, 3)


def test_crops_get_a_margin_in_their_own_colours(tmp_path):
    folder = tmp_path / "crops"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), drawn(0, 48))
    (source,) = open_sources([f"crops:{folder}"], Sampling(), PictureReader())
    (shot,) = source.shots(Sampling())
    assert (shot.name, shot.crop, shot.image.shape) == ("crops/a.png", True, (96, 96, 3))
    np.testing.assert_array_equal(shot.image[24:72, 24:72], drawn(0, 48))
    np.testing.assert_allclose(shot.image[0, 0], drawn(0, 48)[0, 0], atol=60)
    with pytest.raises(ConfigError, match=r"crops:.*a.png.* is no folder of crops"):
        open_sources([f"crops:{folder / 'a.png'}"], Sampling(), PictureReader())


def test_a_clip_gives_frames_that_differ(clip):
    source = Clip(str(clip), PictureReader())
    shots = list(source.shots(Sampling(every=0.5)))
    assert [shot.name for shot in shots] == ["walk@0.00s", "walk@1.00s", "walk@3.00s"]
    assert {shot.group for shot in shots} == {"walk"}
    assert len({shot.split for shot in shots}) == 1


def test_without_a_difference_every_due_frame_is_taken(clip):
    assert len(names(Clip(str(clip), PictureReader()), Sampling(every=0.5, differ=0))) == 8


def test_a_folder_of_frames_is_a_clip(tmp_path):
    for number in range(50):
        cv2.imwrite(str(tmp_path / f"{number:04d}.png"), drawn(number))
    (source,) = open_sources([f"frames:{tmp_path}"], Sampling(), PictureReader())
    shots = list(source.shots(Sampling(every=0.4)))
    assert [shot.name.split("@")[1] for shot in shots] == ["0.00s", "0.40s", "0.80s", "1.20s", "1.60s"]
    assert {shot.group for shot in shots} == {tmp_path.name}


def test_about_the_asked_share_is_for_validation_and_always_the_same():
    splits = [Sampling(validation=0.1).split_of(f"faces/{number}.jpg") for number in range(2000)]
    assert 160 <= splits.count("validation") <= 240
    assert splits == [Sampling(validation=0.1).split_of(f"faces/{number}.jpg") for number in range(2000)]


def test_named_clips_are_for_validation_and_no_others():
    sampling = Sampling(validation=0.9, clips=("walk",))
    assert sampling.split_of_clip("walk") == "validation"
    assert {sampling.split_of_clip(f"clip {number}") for number in range(50)} == {"train"}


def test_a_clip_for_validation_must_be_there(clip):
    with pytest.raises(ConfigError, match="no clip 'run'; clips are walk"):
        open_sources([str(clip)], Sampling(clips=("run",)), PictureReader())


def test_a_source_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no such file or folder"):
        open_sources([str(tmp_path / "gone")], Sampling(), PictureReader())


def test_frames_lie_in_a_folder(clip):
    with pytest.raises(ConfigError, match="is no folder of frames"):
        open_sources([f"frames:{clip}"], Sampling(), PictureReader())


def test_a_folder_without_pictures_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(ConfigError, match="holds no pictures"):
        open_sources([str(tmp_path)], Sampling(), PictureReader())


@pytest.mark.parametrize("damage", [b"", b"no picture", None])
def test_a_damaged_picture_is_named_or_skipped(stills, damage):
    path = stills / "b.JPG"
    path.write_bytes(path.read_bytes()[:200] if damage is None else damage)
    with pytest.raises(ConfigError, match=r"b\.JPG: .*--skip-unreadable"):
        names(Stills(str(stills), PictureReader()))
    reader = PictureReader(skip_unreadable=True)
    assert len(names(Stills(str(stills), reader))) == 3
    assert [problem.split(":")[0] for problem in reader.skipped] == [str(path)]


def test_a_damaged_clip_is_named_or_skipped(clip):
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) // 3])
    with pytest.raises(ConfigError, match=r"walk\.mp4: .*--skip-unreadable"):
        names(Clip(str(clip), PictureReader()))
    reader = PictureReader(skip_unreadable=True)
    names(Clip(str(clip), reader))
    assert len(reader.skipped) == 1
