"""`moodline-train detector`: the commands that make a face detector."""

import click

from trainer.commands.lazy import LazyGroup

# Name: module, and what the list of commands says. Loaded when called.
COMMANDS = {
    "label": ("trainer.commands.detector_label", "Label pictures and clips by what teachers agree on."),
    "wider": ("trainer.commands.detector_wider", "Read WIDER FACE, labelled by people, as training data."),
    "fit": ("trainer.commands.detector_fit", "Train a detector on labelled pictures, or go on with a run."),
    "evaluate": ("trainer.commands.detector_evaluate", "Measure detectors on labelled test sets, in one table."),
    "export": ("trainer.commands.detector_export", "Write a trained detector as ONNX with its model card."),
}


@click.group(cls=LazyGroup, table=COMMANDS, no_args_is_help=True)
def detector() -> None:
    """Train and measure a face detector.

    \b
    moodline-train detector label photos/ party.mp4 --teacher retinaface.onnx --out runs/pictures
    moodline-train detector fit configs/trainer/retinaface-own.yaml --data runs/pictures --run runs/mine
    """
