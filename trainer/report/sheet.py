"""The chapter with the contact sheet: faces of clips and what the model says of each, to be judged by looking."""

from collections import Counter

from trainer.report import pictures
from trainer.report.document import Block, Gallery, Missing, Picture, Prose, Section
from trainer.report.examples import UNSEEN
from trainer.report.runs import Material
from trainer.report.words import count, listed, percent, plain
from trainer.unseen.sheet import Sheet, Shown

KEY, TITLE = "sheet", "Faces of clips"


def section(material: Material) -> Section:
    """A grid of faces, or the command that would make one."""
    sheet = material.sheet
    if sheet is None and not material.pictures:
        return Section(KEY, TITLE, (Prose(f"A contact sheet shows faces. {UNSEEN}"),))
    if sheet is None:
        text = "No faces of clips are shown; a contact sheet tells at a glance what the model sees in people who move."
        command = f"moodline-train report {material.main.folder} --contact-sheet VIDEO --contact-sheet VIDEO"
        return Section(KEY, TITLE, (Missing(text, command),))
    shown = tuple(_picture(face, number) for number, face in enumerate(sheet.faces))
    blocks: tuple[Block, ...] = (Prose(_about(sheet)), Gallery("Look at each, and at its word.", shown, width=112))
    return Section(KEY, TITLE, blocks)


def _about(sheet: Sheet) -> str:
    silent = sum(not face.said for face in sheet.faces)
    found = Counter(face.label for face in sheet.faces if face.said).most_common()
    text = (
        f"{count(len(sheet.faces))} faces, sampled evenly from {listed(map(plain, sheet.clips))}, found and cut by the "
        "engine's own code. Each caption is what the model says of that one picture; the engine smooths over time and "
        "says less. "
    )
    if found:
        text += f"Said: {listed(f'{plain(label)} {count(number)}' for label, number in found)}. "
    if silent:
        text += f"The confidence of {count(silent)} is below the engine's `min_confidence`: of those it says nothing. "
    if sheet.left_out:
        reasons = listed(f"{plain(reason)} {count(number)}" for reason, number in sheet.left_out.items())
        text += f"Left out, since the engine would not read them: {reasons}. "
    return text + "Nobody labelled these faces: judge by looking. Mind who may see them."


def _picture(face: Shown, number: int) -> Picture:
    word = f"**{plain(face.label)}**" if face.said else f"nothing ({plain(face.label)}"
    sure = percent(face.confidence, 0)
    caption = f"{word} {sure}{'' if face.said else ')'}, {plain(face.clip)} {face.time_s:.1f} s"
    alt = f"A face at {face.time_s:.1f} s of {face.clip}; the model says {face.label} with {sure}."
    return Picture(f"sheet-{number:02d}.jpg", pictures.jpg(face.chip), alt, caption)
