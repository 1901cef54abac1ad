"""A card for a network that differs from its kind in input, labels or output, from what its owner says of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

from engine.datarights import Commercial, DataSource
from engine.errors import ConfigError
from engine.modelcard import ModelCard
from engine.pixels import ColourOrder, InputSpec

OUTPUTS = ("logits", "probabilities")
_SIZE = re.compile(r"([1-9]\d{0,3})(?:x([1-9]\d{0,3}))?")


@dataclass(frozen=True, slots=True)
class Description:
    """What the options of `models add` say; None and empty where they say nothing."""

    size: str | None = None
    colour: ColourOrder | None = None
    scale: str | None = None
    mean: str | None = None
    std: str | None = None
    labels: str | None = None
    output: str | None = None
    licence: str | None = None
    trained_on: tuple[str, ...] = ()
    commercial: Commercial | None = None

    def applied_to(self, card: ModelCard) -> ModelCard:
        """`card` with everything that is said here.

        Raises:
            ConfigError: an option is wrong by itself, or does not go with the others.
        """
        if card.task != "emotion" and (self.labels or self.output):
            raise ConfigError("--labels and --output are for emotion models; a detector has neither")
        changes: dict[str, object] = {"input": self._input(card.input), "data_rights": self._rights()}
        if self.labels is not None:
            changes["labels"] = tuple(label.strip() for label in self.labels.split(","))
        if self.output is not None:
            changes["layout"] = self.output
        if self.licence:
            changes["licence"] = self.licence
        try:
            return replace(card, **changes)  # type: ignore[arg-type]
        except ValueError as error:
            raise ConfigError(f"--labels {self.labels!r}: {error}") from error

    def _input(self, like: InputSpec) -> InputSpec:
        if not any((self.size, self.colour, self.scale, self.mean, self.std)):
            return like
        width, height = (like.width, like.height) if self.size is None else _size(self.size)
        colour = self.colour or like.colour
        channels = 1 if colour == "GRAY" else 3
        ordered = len({*like.mean}) > 1 or len({*like.std}) > 1
        if (channels != like.channels or (colour != like.colour and ordered)) and None in (self.mean, self.std):
            raise ConfigError(f"--colour {colour}: say --mean and --std too; those of the kind are for {like.colour}")
        mean = like.mean if self.mean is None else _numbers("--mean", self.mean, channels)
        std = like.std if self.std is None else _numbers("--std", self.std, channels)
        scale = like.scale
        if self.scale is not None:
            scale = _number("--scale", self.scale)
        elif self.mean is not None or self.std is not None:
            # Means of pixels 0 to 255 are far above 1, those of pixels 0 to 1 are not.
            scale = 1 / 255 if max(*mean, *std, 0) <= 1 else 1.0
        try:
            return InputSpec(width, height, colour, scale, mean, std)
        except ValueError as error:
            raise ConfigError(f"--mean, --std, --scale: {error}") from error

    def _rights(self) -> tuple[DataSource, ...]:
        if self.commercial and not self.trained_on:
            raise ConfigError("--commercial: say of what data, --trained-on 'NAME: TERMS'")
        return tuple(_source(text, self.commercial or "unknown") for text in self.trained_on)


def told(card: ModelCard) -> str:
    """What a card says of input and output, for the message that a network does not fit it."""
    spec = card.input
    size = f"{spec.width}x{spec.height} " if spec.width else ""
    labels = f", {len(card.labels)} labels, {card.layout}" if card.task == "emotion" else ""
    return f"{size}{spec.colour}{labels}"


def _size(text: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text)
    if not found:
        raise ConfigError(f"--input {text!r}: expected a side like 112, or WIDTHxHEIGHT like 96x112")
    return int(found[1]), int(found[2] or found[1])


def _numbers(option: str, text: str, channels: int) -> tuple[float, ...]:
    """One number for all channels, or one for each."""
    values = tuple(_number(option, part) for part in text.split(","))
    if len(values) not in (1, channels):
        raise ConfigError(f"{option} {text!r}: expected one number, or {channels} with commas between them")
    return values * channels if len(values) == 1 else values


def _number(option: str, text: str) -> float:
    over, slash, below = text.strip().partition("/")
    try:
        return float(over) / float(below) if slash else float(over)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f"{option} {text!r}: expected a number like 0.5 or 1/255") from None


def _source(text: str, commercial: Commercial) -> DataSource:
    name, _, terms = (part.strip() for part in text.partition(":"))
    if not (name and terms):
        raise ConfigError(f"--trained-on {text!r}: expected 'NAME: TERMS', such as 'own photos: signed releases'")
    return DataSource(name, "trained on", terms, commercial)


def commercial(text: str | None) -> Commercial | None:
    """`not-cleared` as the option says it, `not cleared` as the card does."""
    choices: Sequence[Commercial] = get_args(Commercial)
    return next((each for each in choices if text is not None and each == text.replace("-", " ")), None)
