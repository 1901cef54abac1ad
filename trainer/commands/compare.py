"""`moodline-train compare`: one table of many models on the same faces."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from engine.errors import ConfigError
from engine.modelcard import sha256_of
from trainer import clips
from trainer.commands.unseen import also_options, open_unseen
from trainer.compare import CompareConfig, Comparison
from trainer.convnet import ConvNet
from trainer.faceset import manifest, open_faces
from trainer.recipes import read_yaml, to_settings
from trainer.tables import gather, tables, to_markdown, write_table
from trainer.unseen.sets import ClipFrames, UnseenSet

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("recipe", type=_FILE)
@click.option("--data", type=_FILE, help="The faces, as written by `prepare`.")
@click.option("--sequences", type=_FILE, help="Clips, as written by `prepare`, for the table of sequence models.")
@also_options
@click.option("--out", type=_FILE, required=True, help="Folder for the rows, table.json and table.md.")
@click.option("--only", default="", help="Make only these rows, with commas; the table shows all there are.")
@click.option("--force", is_flag=True, help="Make rows again that are finished.")
def compare(
    recipe: Path,
    data: Path | None,
    sequences: Path | None,
    also: tuple[Path, ...],
    clip_frames: ClipFrames,
    out: Path,
    only: str,
    force: bool,
) -> None:
    """Train and measure every row of the RECIPE (YAML) on the same split, and write the table.

    Settings are chosen on the validation split; the test split is scored once a row. Finished rows are kept,
    so the same command goes on after an interruption. Published numbers stand beside, marked as such. With --also
    every row is judged, too, by labelled faces that none of them was trained on.

    \b
    moodline-train compare configs/trainer/compare.yaml --data runs/fer2013 --out runs/compare
    moodline-train compare configs/trainer/compare.yaml --data runs/fer2013 --out runs/compare --only hog-svm
    moodline-train compare configs/trainer/compare.yaml --data runs/fer2013 --out runs/compare --also ~/photos
    moodline-train compare configs/trainer/compare.yaml --sequences runs/ckplus --out runs/compare
    """
    config = to_settings(CompareConfig, read_yaml(recipe), str(recipe))
    if data is None and sequences is None:
        raise ConfigError("compare: name --data, the faces to train and test on, or --sequences, or both")
    if also and data is None:
        raise ConfigError("compare: --also judges the rows of single faces; name their --data too")
    command = shlex.join(
        ["moodline-train", "compare", str(recipe), "--out", str(out)]
        + (["--data", str(data)] if data else [])
        + (["--sequences", str(sequences)] if sequences else [])
        + [word for folder in also for word in ("--also", str(folder))]
    )
    if data is not None:
        names = tuple(name.strip() for name in only.split(",") if name.strip())
        comparison = Comparison(config, open_faces(data), out, command)
        _faces(comparison, names, force, {name: open_unseen(also, name, clip_frames) for name in config.label_sets})
    if sequences is not None:
        _sequences(config, sequences, out / "sequences", recipe, command)
    for table in gather(out):
        click.echo(to_markdown(table))


def _faces(
    comparison: Comparison, only: tuple[str, ...], force: bool, unseen: Mapping[str, Sequence[UnseenSet]]
) -> None:
    """The rows of single faces; `unseen` holds the sets of `--also` as each label set reads them."""
    out, name = comparison.out, comparison.faces.origin.name
    facts = {"data": {"sha256": comparison.data_sha256, "name": name}, "command": comparison.command}
    jobs = comparison.jobs(only)
    with tqdm(total=len(jobs), desc="rows", unit="row", disable=None) as bar:
        for job in jobs:
            bar.set_postfix_str(f"{job.label_set} {job.row.name}")
            comparison.make(job, force)
            if sets := unseen[job.label_set]:
                comparison.judge(job, sets, force)
            for table in tables(comparison.config, out):
                write_table({**facts, **table}, out / table["label_set"])
            gather(out)
            bar.update()


def _sequences(config: CompareConfig, data: Path, out: Path, recipe: Path, command: str) -> None:
    if config.sequences is None:
        raise ConfigError(f"{recipe}: --sequences needs a part `sequences` with the network to use")
    wanted = config.sequences
    faces = open_faces(data)
    network = Path(wanted.network)
    net = ConvNet.open(network, wanted.label_set or None)
    found = clips.clips_of(faces, net)
    facts: dict[str, Any] = {
        "data": {"sha256": manifest(faces)["sha256"], "name": faces.origin.name},
        "command": command,
        "kind": "sequences",
        "label_set": "sequences",
        "folds": wanted.folds,
        "repeats": wanted.repeats,
        **clips.manifest_of(found, {"run": wanted.network, "sha256": sha256_of(network / "best.pt")}),
    }
    write_table({**facts, "rows": clips.compare_models(found, net.labels, wanted)}, out)
