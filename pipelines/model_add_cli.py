"""`moodline models add`: a network of one's own, with the card it lacks."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click

from engine.datarights import Commercial, said
from engine.detectors.haar import Haar
from engine.errors import ModelError
from engine.modelcard import Model, ModelCard, user_folder
from engine.pixels import ColourOrder
from pipelines.model_description import OUTPUTS, Description, commercial, told
from pipelines.model_places import means
from pipelines.model_templates import TEMPLATES


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--like", required=True, type=click.Choice(list(TEMPLATES)), help="What kind of network it is, below.")
@click.option("--name", help="What to call it; the kind's name if not given.")
@click.option("--input", "size", metavar="SIDE|WxH", help="Size of its input, such as 112 or 96x112.")
@click.option("--colour", type=click.Choice(get_args(ColourOrder)), help="Of its input.")
@click.option("--mean", metavar="N[,N,N]", help="Subtracted from each channel, in the order of --colour.")
@click.option("--std", metavar="N[,N,N]", help="Each channel is divided by it.")
@click.option(
    "--scale",
    metavar="N",
    help="Pixels 0..255 times this come first.  [1/255 where mean and std are at most 1; else 1]",
)
@click.option("--labels", metavar="A,B,...", help="Of an emotion model, in the order of its outputs.")
@click.option("--output", type=click.Choice(OUTPUTS), help="What an emotion model gives.  [default: logits]")
@click.option("--licence", help="The terms of the weights, for the card.")
@click.option("--trained-on", multiple=True, metavar="'NAME: TERMS'", help="The data behind it; may be given again.")
@click.option("--commercial", "allowed", type=click.Choice([one.replace(" ", "-") for one in get_args(Commercial)]),
              help="Whether those terms allow commercial use.  [default: unknown]")  # fmt: skip
def add(file: Path, like: str, name: str | None, allowed: str | None, **said_of_it: Any) -> None:
    """Copy the ONNX file FILE to your models and write its card, after trying that it fits.

    \b
    What --like may be:
      retinaface             RetinaFace of any backbone: offsets, probabilities, landmarks; BGR less the mean of Caffe.
                             retinaface-mnet025 and -resnet50 are the same, and name the model so.
      scrfd                  a detector of insightface's packs, with landmarks
      emotion-fer            a classifier of faces: with the input and the labels of the one that ships, or with yours

    \b
    A classifier of your own:
      moodline models add net.onnx --like emotion-fer --name mine --input 112 --colour RGB \\
          --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --labels neutral,happiness,anger --output logits
    """
    name = _checked_name(name or like)
    description = Description(commercial=commercial(allowed), **said_of_it)
    card = description.applied_to(replace(TEMPLATES[like](), name=name))
    model = _installed(file, card, like)
    data = said(model.card.commercial)
    click.echo(f"added {model.path} ({model.card.sha256[:12]}, data {data}); {means(model)}")


def _installed(file: Path, card: ModelCard, like: str) -> Model:
    from pipelines.model_install import install  # with ONNX Runtime, to try it

    try:
        return install(file, card, user_folder())
    except ModelError as error:
        if isinstance(error.__cause__, OSError):  # of the disk
            raise
        options = "--input --colour --mean --std"
        options += " --labels --output" if card.task == "emotion" else ""
        raise ModelError(
            f"{error}; the card is that of --like {like} ({told(card)}); describe another network with {options}"
        ) from error


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise click.BadParameter(f"{name!r} is not 1 to 64 letters, digits, - or _", param_hint="--name")
    if name == Haar.name:
        raise click.BadParameter(f"{name!r} is the built-in cascade; choose another", param_hint="--name")
    return name
