"""Suppression against a slow loop."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.detectors.nms import nms
from tests.support.reference_retinaface import Face, suppress

# Coarse values make ties and exact overlaps likely.
boxes = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 12), st.integers(1, 12))
scored = st.lists(st.tuples(boxes, st.integers(0, 8)), max_size=30)


@given(scored, st.sampled_from([0.0, 0.3, 0.4, 0.5, 1.0]))
def test_it_keeps_what_the_slow_loop_keeps(cases, max_iou):
    corners = np.array([(x, y, x + w, y + h) for (x, y, w, h), _ in cases], np.float32).reshape(-1, 4)
    scores = np.array([score / 8 for _, score in cases], np.float32)
    kept = nms(corners, scores, max_iou)
    slow = suppress([Face(box, score, []) for box, score in zip(corners.tolist(), scores, strict=True)], max_iou)
    assert corners[kept].tolist() == [face.box for face in slow]
    assert scores[kept].tolist() == [face.score for face in slow]


def test_no_boxes_keep_none():
    assert nms(np.empty((0, 4), np.float32), np.empty(0, np.float32), 0.4).tolist() == []
