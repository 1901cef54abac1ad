import numpy as np
import pytest

from engine.items import Detection
from trainer.detector.consensus import Rules, agree, clusters, ious
from trainer.detector.teachers import View

POINTS = np.array([[15, 15], [25, 15], [20, 22], [16, 30], [24, 30]], np.float32)
FACE = (10.0, 10.0, 40.0, 46.0)


def view(*found: tuple[tuple[float, ...], float], scale: float = 1.0, mirrored: bool = False) -> View:
    return View(scale, mirrored, tuple(Detection(box, score, POINTS.copy()) for box, score in found))


def moved(box: tuple[float, ...], by: float) -> tuple[float, ...]:
    return tuple(side + by for side in box)


def test_a_face_that_both_see_in_all_views_is_a_face():
    seen = [[view((FACE, 0.9)), view((FACE, 1.0), mirrored=True)], [view((FACE, 0.8)), view((FACE, 0.7))]]
    verdict = agree(seen)
    (face,) = verdict.faces
    assert face.box == pytest.approx(FACE)
    np.testing.assert_allclose(face.landmarks, POINTS, rtol=1e-6)
    assert face.score == pytest.approx((0.95 + 0.75) / 2)
    assert verdict.ignored == ()


def test_views_that_miss_a_face_lower_its_score():
    seen = [[view((FACE, 1.0)), view()], [view((FACE, 1.0)), view((FACE, 1.0))]]
    assert agree(seen).faces[0].score == pytest.approx(0.75)


def test_views_that_cannot_show_it_well_do_not_count():
    """36 pixels are 9 at a quarter, where nobody is expected to find them."""
    looks = [view((FACE, 0.9)), view(scale=0.25)]
    assert agree([looks, looks]).faces[0].score == pytest.approx(0.9)


def test_a_small_face_is_judged_by_the_largest_view():
    small = (10.0, 10.0, 17.0, 18.0)
    looks = [view(scale=0.5), view(scale=1), view((small, 0.9), scale=2)]
    assert agree([looks, looks]).faces[0].score == pytest.approx(0.9)


def test_the_first_teacher_says_where_the_box_is():
    other = (12.0, 14.0, 38.0, 46.0)
    verdict = agree([[view((FACE, 0.9))], [view((other, 0.99))]])
    assert [face.box for face in verdict.faces] == [pytest.approx(FACE)]


def test_boxes_are_weighted_by_score_and_by_size_in_the_view():
    seen = [[view((FACE, 0.5)), view((moved(FACE, 3), 1.0), scale=2)], [view((FACE, 1.0))]]
    assert agree(seen).faces[0].box == pytest.approx(moved(FACE, 3 * 4 / 5))


@pytest.mark.parametrize(
    ("scores", "faces", "ignored"),
    [
        ((0.95, 0.0), 1, 0),  # the first is sure by itself
        ((0.0, 0.95), 0, 1),  # only the first may be: nobody knows how the other's boxes compare
        ((0.8, 0.0), 0, 1),
        ((0.75, 0.70), 1, 0),  # both are fairly sure
        ((0.95, 0.30), 1, 0),
        ((0.60, 0.60), 0, 1),
        ((0.30, 0.20), 0, 0),  # background
        ((0.0, 0.30), 0, 0),
        ((0.0, 0.45), 0, 1),
    ],
)
def test_what_becomes_of_scores(scores, faces, ignored):
    seen = [[view((FACE, score))] if score else [view()] for score in scores]
    verdict = agree(seen)
    assert (len(verdict.faces), len(verdict.ignored)) == (faces, ignored)


def test_one_teacher_alone_must_be_sure():
    assert agree([[view((FACE, 0.95))]]).faces
    verdict = agree([[view((FACE, 0.8))]])
    assert (len(verdict.faces), len(verdict.ignored)) == (0, 1)


def test_a_face_of_a_few_pixels_is_ignored():
    tiny = (10.0, 10.0, 14.0, 15.0)
    verdict = agree([[view((tiny, 0.9))], [view((tiny, 0.9))]])
    assert (verdict.faces, len(verdict.ignored)) == ((), 1)
    assert agree([[view((tiny, 0.9))], [view((tiny, 0.9))]], Rules(min_face=4)).faces


def test_doubt_about_a_part_of_a_face_is_no_doubt():
    part = (12.0, 12.0, 24.0, 24.0)
    seen = [[view((FACE, 0.95), (part, 0.5))], [view((FACE, 0.95), (part, 0.5))]]
    verdict = agree(seen)
    assert (len(verdict.faces), verdict.ignored) == (1, ())


def test_neighbours_are_two_faces():
    beside = moved(FACE, 25)
    seen = [[view((FACE, 0.95), (beside, 0.9))]] * 2
    assert [face.score for face in agree(seen).faces] == pytest.approx([0.95, 0.9])


def test_a_view_adds_one_detection_to_a_cluster():
    seen = [[view((FACE, 0.9), (moved(FACE, 3), 0.8)), view((FACE, 0.7))]]
    (group,) = clusters(seen)
    assert sorted(sight.face.score for sight in group) == [0.7, 0.9]


def test_nothing_seen_is_nothing():
    verdict = agree([[view()], [view()]])
    assert (verdict.faces, verdict.ignored) == ((), ())
    assert agree([[], []]).faces == ()


def test_ious_are_shares_of_the_union():
    boxes = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]], np.float32)
    np.testing.assert_allclose(ious(boxes[0], boxes), [1, 1 / 3, 0])
