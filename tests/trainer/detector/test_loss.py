"""The multibox loss counts what it should and nothing else."""

import torch

from trainer.detector.loss import LossConfig, Wanted, multibox

P = 40


def wanted(positive: list[int], uncounted: tuple[int, ...] = (), pictures: int = 1) -> Wanted:
    held = torch.zeros(pictures, P, dtype=torch.bool)
    held[0, positive] = True
    counted = torch.ones(pictures, P, dtype=torch.bool)
    counted[0, list(uncounted)] = False
    return Wanted(held, counted, held.float(), torch.zeros(pictures, P, 4), torch.zeros(pictures, P, 10), held.float())


def outputs(pictures: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.zeros(pictures, P, 4), torch.full((pictures, P), -12.0), torch.zeros(pictures, P, 10)


def test_right_answers_cost_nothing() -> None:
    boxes, logits, landmarks = outputs()
    logits[0, [3, 5]] = 12.0
    assert sum(multibox((boxes, logits, landmarks), wanted([3, 5]), LossConfig())) < 1e-3


def test_a_missed_face_costs_its_entropy() -> None:
    score, _, _ = multibox(outputs(), wanted([3]), LossConfig())
    assert abs(score.item() - 12) < 0.01


def test_only_the_worst_of_the_background_count() -> None:
    boxes, logits, landmarks = outputs()
    logits[0, 3] = 12.0
    logits[0, 10:30] = 5.0
    few, _, _ = multibox((boxes, logits, landmarks), wanted([3]), LossConfig(negatives=2))
    more, _, _ = multibox((boxes, logits, landmarks), wanted([3]), LossConfig(negatives=4))
    assert abs(few.item() - 10) < 0.1
    assert abs(more.item() - 20) < 0.1


def test_a_picture_without_faces_still_teaches() -> None:
    boxes, logits, landmarks = outputs(2)
    logits[1, 7] = 5.0
    score, box, point = multibox((boxes, logits, landmarks), wanted([], pictures=2), LossConfig())
    assert abs(score.item() - 5) < 0.1
    assert box.item() == point.item() == 0


def test_unsure_priors_do_not_count() -> None:
    boxes, logits, landmarks = outputs()
    logits[0, [3, 7]] = 12.0
    score, _, _ = multibox((boxes, logits, landmarks), wanted([3], uncounted=(7,)), LossConfig())
    assert score.item() < 1e-3


def test_boxes_and_landmarks_of_the_background_do_not_count() -> None:
    boxes, logits, landmarks = outputs()
    logits[0, 3] = 12.0
    boxes[0, 10:] = 9.0
    landmarks[0, 10:] = 9.0
    _, box, point = multibox((boxes, logits, landmarks), wanted([3]), LossConfig())
    assert box.item() == point.item() == 0
    boxes[0, 3] = 1.0
    landmarks[0, 3] = 1.0
    _, box, point = multibox((boxes, logits, landmarks), wanted([3]), LossConfig(boxes=2, landmarks=1, bend=1.0))
    assert box.item() == 1.0  # weight 2 times half a square, the mean of four
    assert point.item() == 0.5


def test_landmarks_of_a_face_too_small_to_show_them_count_less() -> None:
    boxes, logits, landmarks = outputs()
    landmarks[0, 3] = 1.0
    both = wanted([3, 5])
    both.clarity[0, 3] = 0.25
    _, _, point = multibox((boxes, logits, landmarks), both, LossConfig(landmarks=1, bend=1.0))
    assert abs(point.item() - 0.5 * 0.25 / 1.25) < 1e-6


def test_a_picture_of_many_faces_weighs_no_more_than_one_of_a_single_face() -> None:
    boxes, logits, landmarks = outputs(2)
    crowd = wanted([1, 2, 3, 4, 5, 6, 7, 8, 9], pictures=2)
    crowd.positive[1, 0] = True
    boxes[1, 0] = 1.0  # the single face is half of what counts, and all of it is wrong
    _, box, _ = multibox((boxes, logits, landmarks), crowd, LossConfig(boxes=2, bend=1.0))
    assert abs(box.item() - 2 * 0.5 * 0.5) < 1e-6
