import json
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError, OutputError
from trainer.detector.pictures import Face, Picture, PictureSet, PictureWriter, check_out, open_pictures

POINTS = np.arange(10, dtype=np.float32).reshape(5, 2)


def noise(height: int, width: int, seed: int = 0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def written(folder: Path) -> Path:
    with PictureWriter(folder, {"command": "by hand"}) as writer:
        writer.add("a.jpg", "a", "train", noise(4, 5), [Face((1, 0, 3.5, 4), POINTS, 0.75)], [(0, 0, 1, 1)])
        writer.add("b.jpg", "clip", "validation", noise(7, 3, seed=1), [Face((0, 0, 2, 2))])
    return folder


def test_pictures_come_back_as_they_were_added(tmp_path):
    pictures = open_pictures(written(tmp_path / "set"))
    assert len(pictures) == 2
    np.testing.assert_array_equal(pictures.image(0), noise(4, 5))
    np.testing.assert_array_equal(pictures.image(1), noise(7, 3, seed=1))
    first, second = pictures.pictures
    assert (first.name, first.group, first.split, first.width, first.height) == ("a.jpg", "a", "train", 5, 4)
    assert first.ignored == ((0, 0, 1, 1),)
    assert (first.faces[0].box, first.faces[0].score) == ((1, 0, 3.5, 4), 0.75)
    np.testing.assert_array_equal(first.faces[0].landmarks, POINTS)
    assert second.faces[0].landmarks is None
    assert (pictures.of("train"), pictures.of("validation")) == ((0,), (1,))


def test_sets_joined_are_one(tmp_path):
    first, second = (open_pictures(written(tmp_path / name)) for name in ("one", "two"))
    with PictureWriter(tmp_path / "three") as writer:
        writer.add("c.jpg", "c", "train", noise(6, 6, seed=2), [Face((0, 0, 2, 2))])
    third = open_pictures(tmp_path / "three")
    whole = PictureSet.joined([PictureSet.joined([first, third]), second])
    assert [picture.name for picture in whole.pictures] == ["a.jpg", "b.jpg", "c.jpg", "a.jpg", "b.jpg"]
    for number, image in enumerate((noise(4, 5), noise(7, 3, 1), noise(6, 6, 2), noise(4, 5), noise(7, 3, 1))):
        np.testing.assert_array_equal(whole.image(number), image)
    assert whole.of("train") == (0, 2, 3)
    assert whole.facts["splits"]["train"]["faces"] == 3
    assert whole.facts["splits"]["train"]["ignored regions"] == 2
    assert PictureSet.joined([first]).sha256 == first.sha256
    assert len({first.sha256, third.sha256, whole.sha256, PictureSet.joined([third, first]).sha256}) == 4


def test_an_opened_picture_cannot_be_written_to(tmp_path):
    image = open_pictures(written(tmp_path)).image(0)
    with pytest.raises(ValueError, match="read-only"):
        image[0, 0] = 0


def test_the_hash_is_that_of_pictures_and_labels_only(tmp_path):
    first = open_pictures(written(tmp_path / "one"))
    second = open_pictures(written(tmp_path / "two"))
    with PictureWriter(tmp_path / "three") as writer:
        writer.add("a.jpg", "a", "train", noise(4, 5))
    assert first.sha256 == second.sha256 != open_pictures(tmp_path / "three").sha256


def test_the_manifest_counts_and_keeps_what_the_writer_was_told(tmp_path):
    facts = json.loads((written(tmp_path) / "manifest.json").read_text())
    assert facts["command"] == "by hand"
    assert facts["splits"]["train"] == {
        "pictures": 1,
        "without faces": 0,
        "faces": 1,
        "with landmarks": 1,
        "ignored regions": 1,
    }


def test_an_interrupted_writer_leaves_the_old_set(tmp_path):
    before = open_pictures(written(tmp_path)).sha256
    with pytest.raises(KeyboardInterrupt), PictureWriter(tmp_path) as writer:
        writer.add("c.jpg", "c", "train", noise(3, 3))
        raise KeyboardInterrupt
    assert open_pictures(tmp_path).sha256 == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "pictures.jsonl", "pixels.npy"]


def test_an_interrupted_writer_leaves_no_new_folder(tmp_path):
    with pytest.raises(KeyboardInterrupt), PictureWriter(tmp_path / "deep" / "set"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_no_picture_is_no_set(tmp_path):
    with pytest.raises(ConfigError, match="no picture to write"), PictureWriter(tmp_path / "set"):
        pass
    assert not (tmp_path / "set").exists()


def test_a_full_disk_is_one_line():
    with pytest.raises(OutputError, match="/dev/full/set: cannot be written"), PictureWriter(Path("/dev/full/set")):
        pass


def test_a_file_is_no_folder_to_write_to(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="is a file; name a folder"):
        check_out(tmp_path / "file", force=True)


def test_only_labelled_pictures_are_replaced_and_only_by_force(tmp_path):
    check_out(tmp_path / "new", force=False)
    (tmp_path / "diary.txt").write_text("x")
    with pytest.raises(ConfigError, match="--force"):
        check_out(tmp_path, force=False)
    with pytest.raises(ConfigError, match="no labelled pictures to replace"):
        check_out(tmp_path, force=True)
    check_out(written(tmp_path / "set"), force=True)


def test_what_a_killed_writer_left_is_not_in_the_way(tmp_path):
    (tmp_path / "set" / ".part-1").mkdir(parents=True)
    check_out(tmp_path / "set", force=False)


def cut(folder: Path) -> None:
    data = (folder / "pixels.npy").read_bytes()
    (folder / "pixels.npy").write_bytes(data[:-4])


def edited(folder: Path) -> None:
    with (folder / "pictures.jsonl").open("a") as file:
        file.write("{}\n")


def newer(folder: Path) -> None:
    facts = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**facts, "format": 9}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "damaged"),
        (edited, "not the one that manifest.json names"),
        (newer, "has format 9, this version reads 1"),
        (lambda folder: (folder / "pixels.npy").unlink(), "damaged"),
        (lambda folder: (folder / "manifest.json").unlink(), "no folder of labelled pictures"),
        (lambda folder: (folder / "manifest.json").write_text("["), "damaged"),
    ],
)
def test_a_damaged_folder_is_refused(tmp_path, damage, message):
    damage(written(tmp_path))
    with pytest.raises(ConfigError, match=message):
        open_pictures(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"box": (2, 0, 2, 3)}, "x2 > x1"),
        ({"box": (0, 0, float("nan"), 3)}, "finite"),
        ({"score": 1.5}, "0..1"),
        ({"landmarks": np.zeros((4, 2), np.float32)}, r"\(5, 2\)"),
        ({"landmarks": np.full((5, 2), np.nan, np.float32)}, "finite"),
    ],
)
def test_a_face_is_checked_at_the_door(wrong, message):
    with pytest.raises(ValueError, match=message):
        Face(**{"box": (0, 0, 1, 1), **wrong})


def test_a_split_is_train_or_validation():
    with pytest.raises(ValueError, match="train or validation"):
        Picture("a", "a", "test", 1, 1, (), (), 0)


def test_a_gray_picture_without_channels_is_refused(tmp_path):
    with PictureWriter(tmp_path) as writer:
        with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
            writer.add("a", "a", "train", np.zeros((3, 3), np.uint8))
        writer.add("b", "b", "train", noise(3, 3))
