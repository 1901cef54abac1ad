"""From records to a packed set: splits, warnings, and what is refused."""

import numpy as np
import pytest

from engine.errors import ConfigError
from tests.trainer.photos import Told, face_at
from tests.trainer.sources.layouts import picture, write_pictures
from trainer import leaks
from trainer.aligning import Crops, Photos
from trainer.faceset import Origin
from trainer.packing import pack
from trainer.sources.find import open_source

HERE = Origin("here", "none")
CROPS = Crops(None, 48)


def files(count, *labels, place="{label}/{number}.png"):
    return [place.format(label=label, number=number) for label in labels for number in range(count)]


def test_a_folder_without_splits_gets_them_stratified(tmp_path):
    source = open_source(write_pictures(tmp_path, files(20, "happy", "angry")))
    done = []
    faces, _, notes = pack(source, CROPS, HERE, progress=done.append)
    label = faces.label_set().majority()
    counts = [np.bincount(label[faces.split == split], minlength=2).tolist() for split in range(3)]
    assert counts == [[16, 16], [2, 2], [2, 2]]
    assert (notes.warnings, notes.no_face) == ((), ())
    assert done == [32, 8]
    again, _, _ = pack(source, CROPS, HERE)
    other, _, _ = pack(source, CROPS, HERE, seed=5)
    assert (faces.split == again.split).all() and (faces.split != other.split).any()


def test_persons_clips_and_copies_are_kept_together(tmp_path):
    write_pictures(tmp_path, files(4, "happy", "angry", place="{label}/S00{number}_001_00000001.png"))
    write_pictures(tmp_path, files(12, "happy", "angry", place="{label}/x{number}.png"), first=100)
    write_pictures(tmp_path, ["happy/copy.png"], first=100)
    write_pictures(tmp_path, [f"angry/walk/{frame}.png" for frame in range(5)], first=300)
    faces, copies, _ = pack(open_source(tmp_path), CROPS, HERE, (60, 20, 20))
    for person in range(4):
        assert len(np.unique(faces.split[faces.identity == person])) == 1
    for clip in np.unique(faces.clip[faces.clip >= 0]):
        assert len(np.unique(faces.split[faces.clip == clip])) == 1
    where = {name: faces.split[row] for row, name in enumerate(faces.names.tolist())}
    assert where["happy/copy.png"] == where["happy/x0.png"]
    assert not leaks.to_remove(faces, copies).any()


def test_validation_is_taken_from_training_never_from_test(tmp_path):
    write_pictures(tmp_path, files(10, "happy", "angry", place="train/{label}/{number}.png"))
    write_pictures(tmp_path, files(4, "happy", "angry", place="test/{label}/{number}.png"), first=50)
    faces, _, _ = pack(open_source(tmp_path), CROPS, HERE, (80, 20, 0))
    assert np.bincount(faces.split).tolist() == [16, 4, 8]
    assert all(("test/" in name) == (split == 2) for name, split in zip(faces.names, faces.split, strict=True))


def test_a_class_without_training_faces_is_refused(tmp_path):
    write_pictures(tmp_path, [*files(3, "happy", place="train/{label}/{number}.png"), "test/angry/1.png"])
    with pytest.raises(ConfigError, match="'emotion': no training face of class anger"):
        pack(open_source(tmp_path), CROPS, HERE)


def test_few_pictures_are_told_as_the_reason_for_an_empty_split(tmp_path):
    for name in files(4, "happy", "angry"):
        write_pictures(tmp_path, [name])
    _, _, notes = pack(open_source(tmp_path), CROPS, HERE)
    why = "(8 faces are copies of one picture, and copies stay in one split)"
    empty = [f"label set 'emotion': the {split} split is empty {why}" for split in ("validation", "test")]
    assert list(notes.warnings) == empty
    write_pictures(tmp_path, files(1, "sad"), first=70)
    with pytest.raises(ConfigError, match=r"no training face of class .* \(9 faces are copies of 2 pictures"):
        pack(open_source(tmp_path), CROPS, HERE, (10, 80, 10))


def test_a_class_missing_from_test_and_an_empty_split_are_told(tmp_path):
    write_pictures(tmp_path, files(3, "happy", "angry", place="train/{label}/{number}.png"))
    write_pictures(tmp_path, ["test/happy/9.png"], first=90)
    _, _, notes = pack(open_source(tmp_path), CROPS, HERE, (1, 0, 0))
    assert notes.warnings == (
        "label set 'emotion': the validation split is empty",
        "label set 'emotion': no test face of class anger; scores will lack it",
    )


def test_photos_without_a_face_are_left_out_and_named(tmp_path):
    class Half(Told):
        def detect(self, images):
            return [found if number % 2 else () for number, found in enumerate(super().detect(images))]

    source = open_source(write_pictures(tmp_path, files(10, "happy", "angry")))
    faces, _, notes = pack(source, Photos(Half((face_at(),)), 48), HERE)
    assert len(faces) == 10 and len(notes.no_face) == 10
    assert notes.no_face[0] == "angry/0.png"
    with pytest.raises(ConfigError, match="holds no images; no face was found in 20 pictures"):
        pack(source, Photos(Told(()), 48), HERE)


def test_a_batch_of_one_equals_a_batch_of_many():
    images = [picture(number) for number in range(5)]
    together = CROPS.faces(images)
    alone = [CROPS.faces([image])[0] for image in images]
    assert all((one.whole == other.whole).all() for one, other in zip(together, alone, strict=True))
