"""The chapters with pictures of single answers: the hardest mistakes, and where the network looks."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine import pixels
from engine.items import Floats, Image
from engine.pixels import InputSpec
from trainer.faceset import FaceSet
from trainer.gradcam import gradcam, last_stage
from trainer.labels import Ints
from trainer.report import pictures
from trainer.report.document import Gallery, Missing, Picture, Prose, Section
from trainer.report.runs import Material, Measured
from trainer.report.scores import read_scores
from trainer.report.summary import evaluate_command
from trainer.report.words import VIEWS, count, percent, plain

MISTAKES = 24
UNSEEN = "This page shows no picture of a person, so that it can be passed on."


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A network to ask for its reasons: `net` gives logits of `labels` for a batch made by `input`."""

    labels: tuple[str, ...]
    net: nn.Module
    input: InputSpec


OpenNetwork = Callable[[Path, tuple[str, ...]], Network]
"""The network in a run folder, cut down to the head with these labels."""


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """The scored faces that have a truth: rows of the data, truth, guess `(n,)` and probabilities `(n, C)`."""

    faces: FaceSet
    first: Measured
    rows: Ints
    truth: Ints
    probabilities: Floats

    @property
    def guesses(self) -> Ints:
        return np.asarray(self.probabilities.argmax(1), np.int64)

    @property
    def confidence(self) -> Floats:
        return np.asarray(self.probabilities.max(1), np.float32)

    def face(self, place: int) -> Image:
        """The gray face as the model saw it."""
        return np.asarray(self.faces.view(self.first.view)[self.rows[place]])


def answered(material: Material) -> Answered | None:
    """None where scores, data or truth are not at hand."""
    first = material.main.headline()
    if first is None or material.data is None:
        return None
    scores, truth = read_scores(first), material.truth(first)
    if scores is None or truth is None:
        return None
    own = truth[scores.rows]
    known = own >= 0
    return Answered(material.data, first, scores.rows[known], own[known], scores.probabilities()[known])


def mistakes(material: Material) -> Section:
    """The wrong answers that the model was surest of."""
    title = "Hardest mistakes"
    if (found := answered(material)) is None:
        return Section("mistakes", title, (_missing(material, "The mistakes cannot be shown"),))
    wrong = np.flatnonzero(found.guesses != found.truth)
    if not len(wrong):
        return Section("mistakes", title, (Prose("The model made no mistake on this split."),))
    if not material.pictures:
        return Section("mistakes", title, (Prose(f"{_how_many(found, len(wrong))} {UNSEEN}"),))
    surest = wrong[np.argsort(-found.confidence[wrong], kind="stable")][:MISTAKES]
    gallery = Gallery(
        f"The {len(surest)} wrong answers given with the highest confidence, surest first.",
        tuple(_mistake(material, found, place, number) for number, place in enumerate(surest)),
        width=104,
    )
    text = (
        f"{_how_many(found, len(wrong))} Below are those of which the model was surest. Look at them before blaming "
        "the model: some labels "
        "are doubtful, some faces show more than one expression, and a single picture has no before and after."
    )
    return Section("mistakes", title, (Prose(text), gallery))


def _how_many(found: Answered, wrong: int) -> str:
    view = VIEWS.get(found.first.view, plain(found.first.view))
    split = f"{count(len(found.rows))} faces of the {plain(found.first.split)} split ({view})"
    return f"Of {split}, {count(wrong)} were named wrongly."


def _missing(material: Material, what: str) -> Missing:
    text = f"{what}, because the scores of single faces (scores-*.npz) or the data set are not at hand."
    return Missing(text, evaluate_command(material))


def _mistake(material: Material, found: Answered, place: int, number: int) -> Picture:
    truth, guess = (found.first.labels[int(each[place])] for each in (found.truth, found.guesses))
    sure = float(found.confidence[place])
    caption = f"{plain(truth)}{_votes(material, found, place)}, guessed **{plain(guess)}** {percent(sure, 0)}"
    alt = f"A face labelled {truth}; the model said {guess} with a confidence of {percent(sure, 0)}."
    return Picture(f"mistake-{number:02d}.png", pictures.png(found.face(place)), alt, caption)


def _votes(material: Material, found: Answered, place: int) -> str:
    """How many annotators chose the label, where several were asked."""
    name = material.label_set()
    answers = found.faces.answers[name] if name else None
    if answers is None or answers.single:
        return ""
    counts = answers.counts[found.rows[place]]
    return f" ({int(counts.max())} of {int(counts.sum(dtype=np.int64))} votes)"


def reasons(material: Material, open_network: OpenNetwork) -> Section:
    """Grad-CAM: what lights up."""
    title = "Where the network looks"
    if (found := answered(material)) is None:
        return Section("gradcam", title, (_missing(material, "No faces can be shown"),))
    if not material.pictures:
        return Section("gradcam", title, (Prose(f"Grad-CAM draws on faces. {UNSEEN}"),))
    if not (material.main.folder / "best.pt").is_file():
        text = "Grad-CAM looks into a convolutional network, and this run folder holds none (no best.pt)."
        command = f"moodline-train fit RECIPE --data {material.data_named} --run {material.main.folder}"
        return Section("gradcam", title, (Missing(text, command),))
    network = open_network(material.main.folder, found.first.outputs)
    shown, side = _shown(found, network)
    text = (
        "Grad-CAM ([Selvaraju et al. 2017](https://arxiv.org/abs/1610.02391)) weighs the maps of a convolutional "
        "stage by "
        f"how much each would raise the score of a class. The network's last stage of useful size has {side} by {side} "
        "cells for a face, so the glow is coarse: it tells the eyes from the mouth, not one eyelid from another. It "
        "shows what speaks *for* a class, not why the others lost."
    )
    right = "Right: for each class the right answer the model was surest of. Left the face, beside it the evidence."
    missed = (
        "Missed: for each class the miss the model was surest of. The face, the evidence for the guess, and the "
        "evidence "
        "for the true class."
    )
    galleries = (
        Gallery(right, tuple(picture for picture, fine in shown if fine), width=170),
        Gallery(missed, tuple(picture for picture, fine in shown if not fine), width=240),
    )
    return Section("gradcam", title, (Prose(text), *(each for each in galleries if each.pictures)))


def _shown(found: Answered, network: Network) -> tuple[list[tuple[Picture, bool]], int]:
    places, right = _picked(found)
    faces = [found.face(place) for place in places]
    batch = torch.from_numpy(pixels.to_tensor(faces, network.input))
    stage = _stage(network.net, batch)
    order = np.array([network.labels.index(label) for label in found.first.labels])
    guessed = gradcam(network.net, batch, order[found.guesses[places]], stage)
    true = gradcam(network.net, batch, order[found.truth[places]], stage)
    shown = []
    for number, (place, face) in enumerate(zip(places, faces, strict=True)):
        parts = [pictures.large(face), pictures.glowing(face, guessed[number])]
        if not right[number]:
            parts.append(pictures.glowing(face, true[number]))
        picture = _reason(found, place, number, right[number], pictures.beside(*parts))
        shown.append((picture, right[number]))
    return shown, _side(network.net, batch, stage)


def _picked(found: Answered) -> tuple[Ints, list[bool]]:
    """For each class the surest right answer and the surest miss, as far as there are any."""
    places, right = [], []
    for label in range(len(found.first.labels)):
        for wanted in (True, False):
            some = np.flatnonzero((found.truth == label) & ((found.guesses == label) == wanted))
            if len(some):
                places.append(int(some[np.argmax(found.confidence[some])]))
                right.append(wanted)
    return np.array(places, np.int64), right


def _stage(net: nn.Module, batch: torch.Tensor) -> nn.Module:
    """The last stage with six cells a side, or with two where there is none: three by three tells too little."""
    try:
        return last_stage(net, batch, 6)
    except ValueError:
        return last_stage(net, batch, 2)


def _side(net: nn.Module, batch: torch.Tensor, stage: nn.Module) -> int:
    sides: list[int] = []
    hook = stage.register_forward_hook(lambda _module, _inputs, output: sides.append(int(output.shape[-1])))
    try:
        with torch.no_grad():
            net(batch[:1])
    finally:
        hook.remove()
    return sides[-1]


def _reason(found: Answered, place: int, number: int, right: bool, image: Image) -> Picture:
    truth, guess = (found.first.labels[int(each[place])] for each in (found.truth, found.guesses))
    sure = percent(float(found.confidence[place]), 0)
    caption = (
        f"**{plain(truth)}**, right ({sure})"
        if right
        else f"**{plain(truth)}**, missed: guessed {plain(guess)} ({sure})"
    )
    alt = f"A face labelled {truth} and where the network sees {guess}" + ("." if right else f", and {truth}.")
    return Picture(f"gradcam-{number:02d}.jpg", pictures.jpg(image), alt, caption)
