"""The vocabulary of settings: frozen, validated dataclasses and the units their fields are written in."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, dataclass_transform

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, field_validator, model_validator, with_config
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic_core import ArgsKwargs

__all__ = ["AfterValidator", "Field", "closed", "field_validator", "json_schema", "presets", "settings"]

T = TypeVar("T")

Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Unit = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Degrees = Annotated[float, Field(ge=0, le=180, allow_inf_nan=False)]
Luma = Annotated[float, Field(ge=0, le=255, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=4096)]
BatchSize = Annotated[int, Field(ge=1, le=256)]
Millis = Annotated[float, Field(ge=0, le=60_000, allow_inf_nan=False)]
Pixels = Annotated[int, Field(ge=16, le=8192)]
Port = Annotated[int, Field(ge=0, le=65535)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Text = Annotated[str, Field(min_length=1)]


@dataclass_transform(frozen_default=True, kw_only_default=True)
def settings(cls: type[T]) -> type[T]:
    """Class decorator: a frozen keyword-only dataclass that checks types and ranges when it is made.

    Unknown names are refused. What is wrong comes as `pydantic.ValidationError`; from YAML,
    `pipelines.config` turns it into one line per problem.
    """
    decorate: Callable[[type[Any]], type[Any]] = pydantic_dataclass(
        frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid", hide_input_in_errors=True)
    )
    return decorate(cls)


def presets(table: Mapping[str, Mapping[str, Any]]) -> Any:
    """For the body of a settings class with a key `preset`: keys that are not given take its values from `table`."""

    def filled(given: dict[str, Any] | None) -> dict[str, Any]:
        chosen = (given or {}).get("preset")
        return {**(table.get(chosen, {}) if isinstance(chosen, str) else {}), **(given or {})}

    def fill(_cls: type[Any], data: Any) -> Any:
        if isinstance(data, ArgsKwargs):
            return ArgsKwargs(data.args, filled(data.kwargs))
        return filled(data) if isinstance(data, dict) else data

    on_class: Any = classmethod(fill)
    return model_validator(mode="before")(on_class)


def closed(cls: type[T]) -> type[T]:
    """Class decorator: a `TypedDict` whose JSON Schema allows no other keys."""
    return with_config(ConfigDict(extra="forbid"))(cls)


def json_schema(kind: Any, refs: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a type; `refs` is where its `$defs` will be found."""
    return TypeAdapter(kind).json_schema(ref_template=refs + "{model}")
