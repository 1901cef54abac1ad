"""`moodline-train mix`: several prepared sets as one, with one blended label set."""

from pathlib import Path

import click

from engine.errors import ConfigError
from trainer import destination, faceset
from trainer.mixing import load_mix, mixed

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("recipe", type=_FILE)
@click.option("--out", type=_FILE, required=True, help="The folder to write.")
@click.option("--force", is_flag=True, help="Replace a data set in --out.")
def mix(recipe: Path, out: Path, force: bool) -> None:
    """Blend the prepared sets that RECIPE (YAML) names into one that `fit` takes.

    \b
    moodline-train mix configs/trainer/emotion-fer/mix-1.yaml --out runs/mix
    moodline-train fit configs/trainer/emotion-fer/step-1.yaml --data runs/mix --run runs/emotion
    """
    destination.check(out, force)
    config = load_mix(recipe)
    if out.resolve() in {Path(part.data).resolve() for part in config.parts}:
        raise ConfigError(f"--out {str(out)!r} is a part of the mixture; name another folder")
    faces = mixed(config)
    destination.clear(out)
    facts = faceset.save(faces, out)
    click.echo(f"{out}: {len(faces)} faces of {faces.size} pixels, label set {config.label_set!r}")
    for part in facts["extra"]["parts"]:
        click.echo(f"  {part['images']:6} from {part['name']}, weight {part['weight']:g}, blend {part['blend']}")
