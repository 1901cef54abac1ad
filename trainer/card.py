"""Model cards of exported files, and putting file and card in place so that they always belong together."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.datarights import DataSource
from engine.modelcard import Model, ModelCard, card_path
from engine.pixels import InputSpec
from trainer import faceset, runs
from trainer.faceset import FaceSet
from trainer.rights import Origin, data_rights, origins_of, sources_text

LICENCE = "Apache-2.0"
ALIGNMENT = "arcface-112"


@dataclass(frozen=True, slots=True)
class Identity:
    """What the card of every file of one export says alike: what the model is called, answers and is fed."""

    name: str
    version: str
    labels: tuple[str, ...]
    spec: InputSpec
    data_rights: tuple[DataSource, ...] = ()

    def card(
        self,
        sha256: str,
        temperature: float = 1.0,
        variant: str = "",
        metrics: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> ModelCard:
        """The card of the file with hash `sha256`; `variant` ("fp16", "int8") is appended to the name."""
        return ModelCard(
            name=f"{self.name}-{variant}" if variant else self.name,
            version=self.version,
            task="emotion",
            sha256=sha256,
            input=self.spec,
            layout="logits",
            licence=LICENCE,
            labels=self.labels,
            alignment=ALIGNMENT,
            temperature=temperature,
            metrics=dict(metrics or {}),
            data=dict(data or {}),
            data_rights=self.data_rights,
        )


def provenance(run: Path, faces: FaceSet, recipe: str) -> dict[str, Any]:
    """What a card says of the data: the origins of the sets and their terms, and what run folder `run` recorded.

    `sha256` is that of the data the run was trained on; `measured_on` that of `faces`, where it is another.

    Raises:
        ConfigError: the run's manifest or history is missing or damaged.
    """
    facts = runs.read_manifest(run)
    trained_on = facts.get("data") or {}
    here = faceset.manifest(faces)["sha256"]
    return {
        "sources": sources_text(data_rights(_learned_from(trained_on, faces))),
        "sha256": trained_on.get("sha256"),
        **({} if trained_on.get("sha256") == here else {"measured_on": here}),
        "training_images": facts.get("training_images"),
        "aligned": trained_on.get("aligned"),
        "recipe": recipe,
        "epochs": len(runs.history(run)),
    }


def rights_of(run: Path, faces: FaceSet, stated: Sequence[DataSource] = ()) -> tuple[DataSource, ...]:
    """The `data_rights` of what run folder `run` learned, measured on `faces`; `stated` as in `rights.data_rights`.

    Raises:
        ConfigError: the run's manifest is missing or damaged.
    """
    trained_on = runs.read_manifest(run).get("data") or {}
    return data_rights(_learned_from(trained_on, faces), [faces.origin], stated)


def _learned_from(trained_on: Mapping[str, Any], faces: FaceSet) -> Sequence[Origin]:
    """The origins in the run's data manifest; that of `faces` where it names none, or where `faces` is the same data
    and may have better words by now."""
    same = trained_on.get("sha256") == faceset.manifest(faces)["sha256"]
    return [faces.origin] if same else origins_of(trained_on) or [faces.origin]


def _keeping_limits(draft: Model, folder: Path) -> Model:
    """`draft` with the limits that somebody wrote into the card in its place: nothing measures those."""
    try:
        old = ModelCard.from_json(card_path(folder / draft.path.name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return draft
    return Model(draft.path, replace(draft.card, limits=draft.card.limits or old.limits))


def publish(drafts: Sequence[Model], folder: Path) -> list[Model]:
    """Move finished `drafts` (file and card object) into `folder`, which must be on the same file system.

    Limits that a card there has by hand stay.

    All cards are written beside their drafts first, so a full disk is met while the old files still stand.
    Of each pair the network moves first: a crash in between leaves a card of another file, which the
    engine refuses, and never a wrong pair that loads.
    """
    drafts = [_keeping_limits(draft, folder) for draft in drafts]
    for draft in drafts:
        card_path(draft.path).write_text(draft.card.to_json(), encoding="utf-8")
        for path in (draft.path, card_path(draft.path)):
            _to_disk(path)
    moved = []
    for draft in drafts:
        target = folder / draft.path.name
        draft.path.replace(target)
        card_path(draft.path).replace(card_path(target))
        moved.append(Model(target, draft.card))
    return moved


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
