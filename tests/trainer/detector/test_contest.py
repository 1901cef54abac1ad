"""Rivals on the same photos: who they are, what they see, and what is said about them."""

import json
import time

import numpy as np
import pytest

from engine.detectors.haar import Haar
from engine.detectors.retinaface import RetinaFace
from engine.errors import ConfigError, ModelError
from engine.items import Detection
from engine.modelcard import sha256_of
from tests.support import networks
from trainer.detector import contest, scoreboard, stopwatch
from trainer.detector.rivals import Rival, open_rival
from trainer.detector.truth import LabelledSet, Photo, Truth
from trainer.detector.views import FULL, Canvas, Size, look, size_of


class Knowing:
    """Finds a face in the box of what is not black, as large as it is shown."""

    name = "knowing"
    has_landmarks = True

    def __init__(self, size=FULL, score=0.0, shift=0.0, turn_s=0.0):
        self.size, self.shift, self.turn_s = size, shift, turn_s
        self.seen = []

    def detect(self, images):
        time.sleep(self.turn_s)
        self.seen += [image.shape for image in images]
        return [self._detect(image) for image in images]

    def _detect(self, image):
        rows, columns = np.nonzero(image.any(axis=2))
        if not len(rows):
            return ()
        x1, y1, x2, y2 = (float(v) for v in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        points = np.float32([[x1, y1], [x2, y1], [x1, y2], [x2, y2], [x1, y2]]) + np.float32(self.shift)
        return (Detection((x1, y1, x2, y2), 0.9, points),)


def photo_of(box, width=200, height=100, ignored=False):
    image = np.zeros((height, width, 3), np.uint8)
    x1, y1, x2, y2 = box
    image[y1:y2, x1:x2] = 255
    points = np.float32([[x1, y1], [x2, y1], [x1, y2], [x2, y2], [x1, y2]])
    return Photo(f"{box}", lambda: image, (Truth(tuple(map(float, box)), points, ignored),))


def labelled(tmp_path, *photos):
    return LabelledSet("made", "lines", tmp_path, 0.5, tuple(photos), "0" * 64)


@pytest.fixture
def data(tmp_path):
    blank = Photo("blank", lambda: np.zeros((50, 50, 3), np.uint8), ())
    return labelled(tmp_path, photo_of((20, 20, 60, 60)), photo_of((100, 10, 180, 90)), blank)


def rival(name="knowing", side=None, **options):
    return Rival(name, {}, lambda size, score: Knowing(size, score, **options), side=side)


# Text, name, side, enlarged.
SIZES = [("640", 640, False), (" 320 ", 320, False), ("full", FULL, False), ("=640", 640, True)]


@pytest.mark.parametrize(("text", "side", "enlarged"), SIZES)
def test_sizes_are_sides_full_or_enlarging(text, side, enlarged):
    assert size_of(text) == Size(text.strip(), side, enlarged)


@pytest.mark.parametrize("text", ["", "large", "=", "8", "=full", "-640", "٣٢٠", "99999"])
def test_other_sizes_are_refused(text):
    with pytest.raises(ConfigError, match="--sizes: expected sides"):
        size_of(text)


def test_a_size_says_how_large_the_network_sees_a_pixel():
    image = np.zeros((100, 200, 3), np.uint8)
    assert [size_of(text).scale(image) for text in ("100", "400", "=400", "full")] == [0.5, 1, 2, 1]


def test_an_enlarged_picture_gives_boxes_and_points_of_the_source(data):
    photo = data.photos[0]
    detector = Knowing()
    (face,) = look(detector, photo.load(), size_of("=400"))
    assert detector.seen == [(200, 400, 3)]
    assert face.box == pytest.approx((20, 20, 60, 60), abs=1)
    assert face.landmarks == pytest.approx(photo.truths[0].landmarks, abs=1)


def test_a_network_of_fixed_input_sees_pictures_no_larger_than_asked(data):
    detector = Knowing()
    (face,) = Canvas(detector, 128, 100).detect([data.photos[0].load()])[0]
    assert detector.seen == [(128, 128, 3)]
    assert face.box == pytest.approx((20, 20, 60, 60), abs=2)


def test_every_rival_looks_at_every_photo_at_every_size_it_can(data):
    told = []
    results = contest.hold(
        data, [rival(), rival("fixed", side=128)], [size_of("100"), size_of("full")], None, told.append
    )
    assert [(result.rival.name, result.size.name) for result in results] == [
        ("knowing", "100"),
        ("knowing", "full"),
        ("fixed", "100"),
    ]
    assert told == [1, 1, 1]
    assert [result.matches.scales.tolist() for result in results] == [[0.5, 0.5, 1], [1, 1, 1], [0.5, 0.5, 1]]


def test_a_row_holds_precision_by_side_recall_and_landmarks(data):
    (result,) = contest.hold(data, [rival(shift=(3.0, 4.0))], [size_of("full")])
    row = contest.row(result)
    assert (row["pictures"], row["faces"], row["ap"], row["recall"]["0.01"]) == (3, 2, 1.0, 1.0)
    assert row["ap_by_side"]["24-48"] == {"faces": 1, "ap": 1.0}
    assert row["ap_by_side"]["<24"] == {"faces": 0, "ap": None}
    assert row["landmarks"]["mean"] == pytest.approx((5 / 40 + 5 / 80) / 2)
    assert json.dumps(row, allow_nan=False)


def test_the_reference_is_compared_at_the_same_size_only(data):
    sizes = [size_of("100"), size_of("full")]
    results = contest.hold(data, [rival("a", shift=2.0), rival("b", shift=1.0)], sizes)
    pairs = contest.pairs_with(results, ["b"])
    assert [(own.rival.name, other.rival.name, own.size.name) for own, other in pairs] == [
        ("a", "b", "100"),
        ("a", "b", "full"),
    ]
    answer = contest.Comparison(rounds=20).against(*pairs[1])
    assert answer["ap_24+"] == {"ratio": 1.0, "low": 1.0, "high": 1.0}
    assert answer["landmarks"]["ratio"] == pytest.approx(2)
    assert answer["recall_reference_end"]["false"] == 0


def test_several_sets_are_also_measured_as_one(data, tmp_path):
    more = labelled(tmp_path, photo_of((30, 30, 90, 90)))
    rivals, sizes = [rival("a"), rival("b")], [size_of("100"), size_of("full")]
    results = [*contest.hold(data, rivals, sizes), *contest.hold(more, rivals, sizes)]
    pool = contest.pooled(results)
    assert [(each.data.name, each.rival.name, each.size.name) for each in pool] == [
        (contest.TOGETHER, name, size) for name in "ab" for size in ("100", "full")
    ]
    row = contest.row(pool[0])
    assert (row["pictures"], row["faces"], row["ap"], pool[0].data.faces) == (4, 3, 1.0, 3)
    assert len(contest.pairs_with(pool, ["a"])) == 2
    assert contest.pooled(results[:4]) == []


def test_a_damaged_photo_is_named_or_left_out_and_counted(tmp_path):
    def damaged():
        raise ConfigError("x.jpg: is empty or cut short")

    data = labelled(tmp_path, photo_of((20, 20, 60, 60)), Photo("x.jpg", damaged, (Truth((0, 0, 9, 9)),)))
    with pytest.raises(ConfigError, match=r"x\.jpg: is empty or cut short; .*--skip-unreadable"):
        contest.hold(data, [rival()], [size_of("full")])
    unreadable = []
    (result,) = contest.hold(data, [rival()], [size_of("full")], unreadable)
    assert unreadable == ["x.jpg: is empty or cut short"]
    assert (contest.row(result)["pictures"], contest.row(result)["faces"]) == (1, 1)
    with pytest.raises(ConfigError, match="no photo can be read"):
        contest.hold(labelled(tmp_path, data.photos[1]), [rival()], [size_of("full")], [])


def test_haar_is_a_rival_by_name_and_may_be_called_otherwise():
    plain, named = open_rival("haar"), open_rival("baseline=haar")
    assert (plain.name, named.name) == ("haar", "baseline")
    assert isinstance(plain.build(320, 0.02), Haar)
    assert len(plain.about["sha256"]) == 64


def test_a_bare_retinaface_is_seen_by_its_outputs(tmp_path):
    path = networks.retinaface(tmp_path / "bare.onnx")
    opened = open_rival(str(path))
    assert (opened.name, opened.about["layout"], opened.side) == ("bare", "retinaface", None)
    assert opened.about["sha256"] == sha256_of(path)
    assert isinstance(opened.build(320, 0.02), RetinaFace)


def test_a_retinaface_of_fixed_input_takes_nothing_larger(tmp_path):
    opened = open_rival(str(networks.retinaface(tmp_path / "bare.onnx", shape=(1, 64, 96))))
    assert opened.side == 96
    assert not contest.possible(opened, size_of("full"))
    assert opened.build(48, 0.02).detect([np.zeros((50, 60, 3), np.uint8)])[0] is not None


def test_files_that_are_no_detector_are_refused(tmp_path):
    with pytest.raises(ModelError, match="is no face detector known here"):
        open_rival(str(networks.classifier(tmp_path / "other.onnx")))
    with pytest.raises(ConfigError, match="does not exist"):
        open_rival(str(tmp_path / "absent.onnx"))
    with pytest.raises(ModelError, match="no face detector"):
        open_rival("emotion-fer")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ModelError, match="cannot be opened"):
        open_rival(str(tmp_path / "text.onnx"))


def test_times_are_taken_in_turns_and_compared_with_the_reference():
    told = []
    slow = rival("slow", turn_s=0.1)
    photos = [photo_of((20, 20, 60, 60)).load()]
    rows = stopwatch.measure([rival("quick", turn_s=0.001), slow], photos, [(64, 36)], "slow", 5, told.append)
    assert [(row["model"], row["frame"], row["part"], row["turns"]) for row in rows] == [
        ("quick", "64x36", "detect", 5),
        ("slow", "64x36", "detect", 5),
    ]
    assert rows[0]["ratio"] < 1 == rows[1]["ratio"]
    assert told == [1] * 5


def test_the_network_alone_is_timed_at_the_frames_size(tmp_path):
    opened = open_rival(str(networks.retinaface(tmp_path / "bare.onnx")))
    rows = stopwatch.measure([opened], [np.zeros((50, 60, 3), np.uint8)], [(64, 36)], None, 2)
    assert [(row["part"], row["input"], row["ratio"]) for row in rows] == [
        ("detect", None, None),
        ("network", None, None),
    ]


def test_frames_hold_the_whole_photo():
    (frame,) = stopwatch.frames([np.full((100, 50, 3), 255, np.uint8)], (64, 36))
    assert frame.shape == (36, 64, 3)
    assert (frame[:, :18] == 255).all() and not frame[:, 18:].any()


TABLE = ("title", [("model", "AP"), ("long name", "9.1"), ("b", "10.0")])


def test_tables_are_text_in_columns_or_markdown():
    assert scoreboard.as_text(TABLE) == "title\nmodel        AP\nlong name   9.1\nb          10.0"
    assert scoreboard.as_markdown(TABLE).splitlines()[2:] == [
        "| model | AP |",
        "|---|--:|",
        "| long name | 9.1 |",
        "| b | 10.0 |",
    ]


@pytest.mark.assets
def test_public_detectors_are_rivals_without_a_card(assets):
    folder = assets / "detectors"
    yunet = open_rival(f"yunet:{folder / 'face_detection_yunet_2023mar.onnx'}")
    scrfd = open_rival(str(folder / "scrfd_500m_kps.onnx"))
    retina = open_rival(str(folder / "retinaface_mnet0.25_official_dynamic.onnx"))
    assert [(each.about["layout"], each.side) for each in (yunet, scrfd, retina)] == [
        ("yunet", None),
        ("scrfd", 640),
        ("retinaface", None),
    ]
    with pytest.raises(ModelError, match="OpenCV cannot open it as YuNet"):
        open_rival(f"yunet:{folder / 'scrfd_500m_kps.onnx'}").build(640, 0.5)
    with pytest.raises(ModelError, match="its 12 outputs are of no layout known here; say --like"):
        open_rival(str(folder / "face_detection_yunet_2023mar.onnx"))
