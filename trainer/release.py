"""One network released as files the engine loads: float32, FP16 and INT8, each measured and with its card."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from torch import nn

from engine.datarights import DataSource
from engine.errors import ConfigError, MoodlineError
from engine.items import Floats
from engine.modelcard import Model, sha256_of
from trainer import quantize, variants
from trainer.card import Identity, provenance, publish, rights_of
from trainer.convnet import ConvNet
from trainer.export import Mirrored, check_agreement, write_onnx
from trainer.faceset import FaceSet
from trainer.subjects import from_onnx
from trainer.unseen import judging
from trainer.unseen.sets import UnseenSet
from trainer.variants import Predict, Sample, predictor

TemperatureFrom = Literal["validation", "also"]


@dataclass(frozen=True, slots=True)
class Options:
    """Which files are written beside the float32 one; `mirror` has the network look at each face twice, as
    it is and mirrored; `calibration` is how many training faces the INT8 ranges are measured on."""

    fp16: bool = False
    int8: bool = False
    mirror: bool = False
    calibration: int = 512
    threads: int = 1
    temperature_from: TemperatureFrom = "validation"


def release_run(
    run: Path,
    faces: FaceSet,
    out: Path,
    options: Options = Options(),
    label_set: str | None = None,
    unseen: Sequence[UnseenSet] = (),
    stated: Sequence[DataSource] = (),
) -> tuple[list[Model], dict[str, Any]]:
    """`release` of the best weights of a run folder, for one of the label sets it learned (the first, unless
    named). The models are called as their files. `stated` goes into their cards' `data_rights`: sources that the
    run's data does not name, or better words for those it does. The table is written to `export.json` in the run
    folder, or `export-<label set>.json` for another than the first.

    Raises:
        ConfigError: the run folder is incomplete or damaged; and as `release`.
        ModelError, MoodlineError: as `release`.
    """
    trained = ConvNet.open(run, label_set)
    config = trained.config
    identity = Identity(out.stem, config.version, trained.labels, config.input, rights_of(run, faces, stated))
    data = {
        **provenance(run, faces, config.name),
        "label_set": label_set_name(faces, trained.labels),
        "parameters": sum(value.numel() for value in trained.net.parameters()),
    }
    models, table = release(trained.net, identity, faces, out, options, data, unseen)
    first = label_set in (None, trained.config.labels[0] if trained.config.labels else None)
    name = "export.json" if first else f"export-{label_set}.json"
    (run / name).write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    return models, table


def release(
    net: nn.Module,
    identity: Identity,
    faces: FaceSet,
    out: Path,
    options: Options = Options(),
    data: Mapping[str, Any] | None = None,
    unseen: Sequence[UnseenSet] = (),
) -> tuple[list[Model], dict[str, Any]]:
    """Write `out` (.onnx) and its card from `net`, a network that gives logits for `identity.labels`.

    `out` must agree with PyTorch on real faces. Each file's temperature is fitted on validation, and its
    metrics are those of the written file on the test split, and on the sets `unseen`. Variants stand beside `out`
    as `-fp16` and `-int8`. Nothing is moved into place until everything is written. `data` goes into the cards.
    Returns the models and a table of what each is worth, ready for JSON.

    Raises:
        ConfigError: `out` is no .onnx name, `faces` lacks the labels, a split, or calibration faces, or a set of
            `unseen` shares fewer than two labels.
        ModelError: ONNX and PyTorch disagree by more than 0.001.
        MoodlineError: the files could not be written; those of before are as they were.
    """
    if out.suffix != ".onnx":
        raise ConfigError(f"output {str(out)!r} must end in .onnx")
    if options.temperature_from == "also" and not unseen:
        raise ConfigError("--temperature-from also: there are no such sets; name them with --also FOLDER")
    answers = faces.label_set(label_set_name(faces, identity.labels))
    splits = [variants.sample(faces, answers, split) for split in ("validation", "test")]
    batches = quantize.calibration_batches(faces, identity.spec, options.calibration) if options.int8 else []
    net = (Mirrored(net) if options.mirror else net).eval()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as folder:
            writer = _Drafts(identity, Path(folder), out.stem, splits, options, batches, unseen)
            drafts, table = writer.run(net, dict(data or {}))
            return publish(drafts, out.parent), table
    except OSError as error:
        raise MoodlineError(
            f"export {str(out)!r} cannot be written ({error.strerror or error}); the files of before are as they were"
        ) from error


def label_set_name(faces: FaceSet, labels: tuple[str, ...]) -> str:
    """Which label set of `faces` has exactly these labels.

    Raises:
        ConfigError: there is none.
    """
    for name, answers in faces.answers.items():
        if answers.labels == labels:
            return name
    known = "; ".join(f"{name}: {', '.join(answers.labels)}" for name, answers in faces.answers.items())
    raise ConfigError(f"data {faces.origin.name!r} has no label set {', '.join(labels)} (it has {known})")


@dataclass(frozen=True, slots=True, eq=False)
class _Drafts:
    """One export into a folder of drafts."""

    identity: Identity
    folder: Path
    stem: str
    splits: Sequence[Sample]
    options: Options
    batches: Sequence[Floats]
    unseen: Sequence[UnseenSet]

    def run(self, net: nn.Module, data: Mapping[str, Any]) -> tuple[list[Model], dict[str, Any]]:
        plain = self.folder / f"{self.stem}.onnx"
        write_onnx(net, self.identity.spec, plain)
        worst = check_agreement(net, self._predict(plain), self.splits[0], self.identity.spec)
        table: dict[str, Any] = {
            "mirror": self.options.mirror,
            "onnx_against_torch": float(f"{worst:.2g}"),
        }
        files = {"": plain}
        if self.options.fp16:
            files["fp16"] = self.folder / f"{self.stem}-fp16.onnx"
            quantize.halve_weights(plain, files["fp16"])
        if self.options.int8:
            files["int8"] = self.folder / f"{self.stem}-int8.onnx"
            table["int8"] = self._quantise(plain, files["int8"])
        drafts, table["files"] = self._measure(files, table, data)
        return drafts, table

    def _predict(self, path: Path) -> Predict:
        return predictor(Model(path, self.identity.card(sha256_of(path))), self.options.threads)

    def _score(self, path: Path, over: Sample) -> dict[str, Floats]:
        return variants.score(self._predict(path), over, self.identity.spec)

    def _quantise(self, plain: Path, target: Path) -> dict[str, Any]:
        validation = self.splits[0]
        plan, tried = quantize.choose(
            plain, target, self.batches, lambda path: variants.accuracy(self._score(path, validation), validation)
        )
        faces = sum(len(batch) for batch in self.batches)
        return {"method": plan.method, "ends_in_float": plan.ends_in_float, "calibration_faces": faces, "tried": tried}

    def _measure(
        self, files: Mapping[str, Path], facts: Mapping[str, Any], data: Mapping[str, Any]
    ) -> tuple[list[Model], list[dict[str, Any]]]:
        """A draft with its card, and a row of the table, for every file; the first is the reference."""
        validation, test = self.splits
        drafts: list[Model] = []
        rows: list[dict[str, Any]] = []
        reference: dict[str, dict[str, Floats]] = {}
        for variant, path in files.items():
            seen, unseen = self._score(path, validation), self._score(path, test)
            reference = reference or {"validation": seen, "test": unseen}
            temperature, elsewhere = self._elsewhere(path, variants.temperature_of(seen, validation))
            metrics = {**variants.summary(unseen, test, temperature), **elsewhere, **_said(variant, facts)}
            if variant:
                metrics["against_fp32"] = variants.against(unseen, reference["test"], test)
            card = self.identity.card(sha256_of(path), temperature, variant, metrics, data)
            drafts.append(Model(path, card))
            rows.append(
                {
                    "file": path.name,
                    **({"unseen_accuracy": elsewhere["unseen"]["mean"]["accuracy"]} if elsewhere else {}),
                    "variant": variant or "fp32",
                    "bytes": path.stat().st_size,
                    "sha256": card.sha256,
                    "temperature": temperature,
                    "truth": test.truth,
                    "validation_accuracy": _by_view(variants.summary(seen, validation, temperature), test.truth),
                    "test_accuracy": _by_view(metrics, test.truth),
                    "against_fp32": {
                        over.split: variants.against(logits, reference[over.split], over)
                        for over, logits in ((validation, seen), (test, unseen))
                    },
                }
            )
        for row, milliseconds in zip(rows, times := variants.latencies(drafts), strict=True):
            row["milliseconds"] = milliseconds
            row["latency_ratio"] = round(milliseconds / times[0], 3)
        return drafts, rows

    def _elsewhere(self, path: Path, temperature: float) -> tuple[float, dict[str, Any]]:
        """The temperature for the card, and what the card says of faces that the network was never trained on."""
        if not self.unseen:
            return temperature, {}
        subject = from_onnx(Model(path, self.identity.card(sha256_of(path), temperature)))
        answers = judging.judge(subject, self.unseen)
        if self.options.temperature_from == "also":
            temperature = judging.fit_temperature(answers)
            subject = replace(subject, temperature=temperature)
        facts = judging.for_card(judging.summary(subject, answers))
        return temperature, {"temperature_from": self.options.temperature_from, "unseen": facts}


def _said(variant: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    said = {"onnx_against_torch": facts["onnx_against_torch"], "mirror": facts["mirror"]} if not variant else {}
    if variant == "int8":
        said = {"quantisation": {key: value for key, value in facts["int8"].items() if key != "tried"}}
    return said


def _by_view(metrics: Mapping[str, Any], truth: str) -> dict[str, float | None]:
    return {view: kinds[truth].get("accuracy") for view, kinds in metrics["views"].items()}
