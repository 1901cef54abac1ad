"""Faces are cut as the engine cuts them; tight crops get a margin, and what shows no face is taken whole."""

import cv2
import numpy as np
import pytest

from engine.stages.chip import cut
from tests.support.photos import astronaut, group
from tests.trainer.sources.layouts import picture
from tests.trainer.unseen.drawn import face, tight
from trainer.aligning import Crops, gray
from trainer.unseen.cutting import Cutter, serving_detector


@pytest.fixture(scope="module")
def detector():
    return serving_detector()


def test_a_face_that_is_found_is_the_engines_own_chip(detector):
    image = astronaut()
    (made,) = Cutter(detector).cut([image])
    (found,) = detector.detect([image])
    assert made.way == "found"
    assert (made.chip == cut(image, found[0], 112)).all()


def test_the_largest_of_several_faces_is_cut_or_the_surest(detector):
    image = group()
    (found,) = detector.detect([image])
    largest = max(found, key=lambda each: (each.box[2] - each.box[0]) * (each.box[3] - each.box[1]))
    assert (Cutter(detector).cut([image])[0].chip == cut(image, largest, 112)).all()
    assert (Cutter(detector, "best").cut([image])[0].chip == cut(image, found[0], 112)).all()


def test_a_crop_too_tight_is_cut_in_a_margin_as_prepare_does(detector):
    (made,) = Cutter(detector).cut([tight()])
    (prepared,) = Crops(detector, 112).faces([tight()])
    assert made.way == "in a margin" and prepared.found
    assert np.abs(gray(made.chip).astype(int) - prepared.aligned).max() <= 1


def test_a_picture_without_a_face_is_taken_whole_as_a_square(detector):
    wide = cv2.cvtColor(picture(0, 60), cv2.COLOR_GRAY2BGR)[:40]
    (made,) = Cutter(detector).cut([wide])
    assert made.way == "whole picture" and made.chip.shape == (112, 112, 3)


def test_gray_pictures_are_cut_like_coloured_ones_of_the_same_gray(detector):
    flat = cv2.cvtColor(face(), cv2.COLOR_BGR2GRAY)
    one, other = Cutter(detector).cut([flat, cv2.cvtColor(flat, cv2.COLOR_GRAY2BGR)])
    assert one.way == "found" and (one.chip == other.chip).all()


def test_colour_is_kept(detector):
    (made,) = Cutter(detector).cut([face()])
    blue, _, red = cv2.split(made.chip)
    assert red.mean() > blue.mean() + 20
