"""`moodline-train prepare`: read, align and pack a data set."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from engine.detectors.base import Detector
from engine.errors import ConfigError
from trainer import aligning, destination, faceset, leaks
from trainer.commands import terms
from trainer.faceset import SPLITS, FaceSet
from trainer.packing import Notes, empty_classes, pack
from trainer.rights import Origin
from trainer.sources.base import PictureReader, Source
from trainer.sources.find import LAYOUTS, open_source
from trainer.sources.kaggle import PREFIX, download
from trainer.sources.unlabelled import open_unlabelled

_PATH = click.Path(path_type=Path)


def _shares(_context: click.Context, _option: click.Parameter, text: str) -> tuple[float, float, float]:
    try:
        train, validation, test = (float(part) for part in text.split("/"))
    except ValueError:
        raise click.BadParameter(f"expected train/validation/test like 80/10/10, got {text!r}") from None
    if "_" in text or not math.isfinite(train + validation + test) or min(validation, test) < 0 or train <= 0:
        raise click.BadParameter(f"expected plain numbers of at least 0, and some for training, got {text!r}")
    return train, validation, test


@click.command()
@click.argument("source")
@click.option("--out", type=_PATH, required=True, help="The folder to write.")
@click.option("--layout", type=click.Choice(list(LAYOUTS)), help="How SOURCE is laid out; found out unless given.")
@click.option(
    "--faces",
    "kind",
    type=click.Choice(["crop", "find"]),
    default="crop",
    show_default=True,
    help="Every picture is a crop of one face, or a photo in which to find one.",
)
@click.option(
    "--landmarks",
    default=aligning.DETECTOR,
    show_default=True,
    help="What finds the landmarks: a RetinaFace ONNX file or a model's name; 'none' to do without.",
)
@click.option(
    "--finder",
    type=click.Choice(["retinaface", "haar"]),
    default="retinaface",
    show_default=True,
    help="What looks for faces in photos: that of --landmarks, or haar, which gives none to align by.",
)
@click.option(
    "--pick",
    type=click.Choice(["largest", "best"]),
    default="largest",
    show_default=True,
    help="Of several faces in a photo: the largest, or the one with the best score.",
)
@click.option("--min-score", type=click.FloatRange(0, 1), help="Of a face [default: 0.8 in crops, 0.6 in photos].")
@click.option("--size", type=click.IntRange(16, 224), default=48, show_default=True, help="Side of the stored faces.")
@click.option("--shares", default="80/10/10", show_default=True, callback=_shares, help="Of splits that are missing.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the splits dealt out here.")
@click.option(
    "--leaks",
    "policy",
    type=click.Choice(["remove", "keep", "report"]),
    default="remove",
    show_default=True,
    help="Training faces that stand in validation or test: leave out of training, keep, or only list.",
)
@click.option(
    "--leak-distance",
    type=click.IntRange(0, 100),
    default=leaks.DISTANCE,
    show_default=True,
    help="Bits of 256 in which copies of one picture may differ; 0 finds only the same.",
)
@click.option("--unlabelled", is_flag=True, help="Pictures without labels, in any folders: for `ask` and `mix`.")
@click.option("--skip-unreadable", is_flag=True, help="Go on without pictures that cannot be read, and count them.")
@click.option("--name", help="What to call the data set.")
@terms.LICENCE
@terms.COMMERCIAL
@click.option("--force", is_flag=True, help="Replace a data set in --out.")
def prepare(source: str, out: Path, **options: Any) -> None:
    """Read the labelled faces in SOURCE, align them as the engine does, look for leaks, and pack them.

    SOURCE is FER2013 (its CSV file or folder), folders named by class with or without splits or clips, JAFFE, or
    kaggle:owner/slug, which is downloaded first.

    \b
    moodline-train prepare ~/fer2013 --out runs/fer2013
    moodline-train prepare ~/photos --faces find --landmarks larger.onnx --out runs/photos
    moodline-train prepare kaggle:msambare/fer2013 --out runs/kaggle
    """
    destination.check(out, options["force"])
    path = download(source.removeprefix(PREFIX)) if source.startswith(PREFIX) else Path(source).expanduser()
    reader = PictureReader(options["skip_unreadable"])
    if options["unlabelled"] and options["layout"]:
        raise ConfigError("--unlabelled: pictures without labels have no --layout; leave one of them out")
    found = open_unlabelled(path, reader) if options["unlabelled"] else open_source(path, options["layout"], reader)
    origin = replace(
        found.origin,
        name=options["name"] or found.origin.name,
        licence=options["licence"] or found.origin.licence,
        url=found.origin.url or _kaggle_page(source),
        commercial=options["commercial"] or found.origin.commercial,
    )
    detector = _detector(options)
    faces, copies, notes = _pack(found, origin, detector, options)
    if options["policy"] == "remove":
        faces = replace(faces, removed=leaks.to_remove(faces, copies))
        if found.labelled:
            empty_classes(faces)
    pairs = list(leaks.copies(faces, copies))
    extra = {
        "layout": found.layout,
        "aligned_by": detector.name if detector else None,
        "no_face": len(notes.no_face),
        "unreadable": len(reader.skipped),
        "leaks": {"policy": options["policy"], "distance": options["leak_distance"], "pairs": len(pairs)},
    }
    faces = replace(faces, extra=extra)
    destination.clear(out)
    facts = faceset.save(faces, out)
    leaks.save_groups(out, faces, copies)
    leaks.write_list(out / leaks.LIST, faces, pairs)
    _tell(out, faces, facts, pairs, notes, reader)


def _kaggle_page(source: str) -> str:
    return f"https://www.kaggle.com/datasets/{source.removeprefix(PREFIX)}" if source.startswith(PREFIX) else ""


def _detector(options: dict[str, Any]) -> Detector | None:
    """What finds faces or their landmarks; None for crops that stay as they are."""
    finds = options["kind"] == "find"
    usual = aligning.PHOTO_SCORE if finds else aligning.CROP_SCORE
    score = usual if options["min_score"] is None else options["min_score"]
    if options["finder"] == "haar":
        if not finds:
            raise ConfigError("--finder haar: the cascade finds no landmarks to align crops by; add --faces find")
        return aligning.open_finder("haar", score)
    if options["landmarks"] != "none":
        click.echo(f"faces are {'found and ' if finds else ''}aligned by {options['landmarks']}")
        return aligning.open_finder(options["landmarks"], score)
    if finds:
        raise ConfigError(
            "--faces find: --landmarks none leaves no detector; leave it away, give --landmarks FILE.onnx, "
            "or --finder haar"
        )
    click.echo("--landmarks none: the faces stay as they are, so 'aligned' is 'whole'")
    return None


def _pack(
    found: Source, origin: Origin, detector: Detector | None, options: dict[str, Any]
) -> tuple[FaceSet, leaks.Scan, Notes]:
    size = options["size"]
    aligner: aligning.Aligner = aligning.Crops(detector, size)
    if options["kind"] == "find" and detector:
        aligner = aligning.Photos(detector, size, options["pick"])
    with tqdm(total=found.count, desc="align", unit="face", disable=None) as bar:
        return pack(found, aligner, origin, options["shares"], options["seed"], options["leak_distance"], bar.update)


def _tell(
    out: Path,
    faces: FaceSet,
    facts: dict[str, Any],
    pairs: Sequence[leaks.Copy],
    notes: Notes,
    reader: PictureReader,
) -> None:
    click.echo(f"{out}: {len(faces)} faces of {faces.size} pixels, {facts['aligned']:.1%} aligned")
    for name, answers in facts["label_sets"].items():
        click.echo(_table(faces, name, answers))
    lines = [
        (len(reader.skipped), "pictures could not be read and were left out"),
        (len(notes.no_face), "photos show no face and were left out"),
        (facts["blank"], "pictures are blank"),
        (sum(pair.leak for pair in pairs), f"pairs of copies stand in different splits ({leaks.LIST})"),
        (sum(pair.conflict for pair in pairs), f"pairs of copies have different labels ({leaks.LIST})"),
        (facts["removed"], "training faces left out as their copies stand in validation or test"),
    ]
    for count, about in lines:
        if count:
            click.echo(f"{count} {about}")
    for warning in (*reader.skipped[:5], *notes.warnings):
        click.echo(f"warning: {warning}", err=True)


def _table(faces: FaceSet, name: str, facts: dict[str, Any]) -> str:
    """Faces of each class and split, by majority where the labels are votes; without those left out of training."""
    splits = [facts["splits"][split] for split in SPLITS]
    columns = [[*split["majority"].values(), split["images"]] for split in splits]
    gone = faces.label_set(name).majority()[faces.removed]
    left_out = [*(int((gone == label).sum()) for label in range(len(facts["labels"]))), len(gone)]
    columns[0] = [count - less for count, less in zip(columns[0], left_out, strict=True)]
    lines: list[tuple[str, ...]] = [("by majority" if not facts["single"] else "faces", *SPLITS)]
    names = (*facts["labels"], "all")
    lines += [(label, *map(str, counts)) for label, *counts in zip(names, *columns, strict=True)]
    rows = [f"  {line[0]:<14}" + "".join(f"{cell:>12}" for cell in line[1:]) for line in lines]
    return "\n".join([f"label set {name!r}", *rows])
