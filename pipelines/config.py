"""YAML in, a frozen and fully checked configuration out; all mistakes in one go."""

from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

from engine.api.config import ApiConfig
from engine.api.privacy import PrivacyConfig
from engine.bus import BusConfig
from engine.errors import ConfigError
from engine.fields import Field, Name, settings
from engine.history import HistoryConfig
from engine.shapes import Shape
from engine.sources.config import SourceConfig
from engine.stages.chip import ChipConfig
from engine.stages.classify import ClassifyConfig
from engine.stages.detect import DetectConfig
from engine.stages.smooth import SmoothConfig
from engine.stages.track import TrackConfig
from pipelines import yamlfile
from pipelines.deployment import DeploymentConfig


@settings
class StagesConfig:
    """One block per stage; each has defaults that suit one CPU box."""

    detect: DetectConfig = field(default_factory=DetectConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    chip: ChipConfig = field(default_factory=ChipConfig)
    classify: ClassifyConfig = field(default_factory=ClassifyConfig)
    smooth: SmoothConfig = field(default_factory=SmoothConfig)


@settings
class PipelineConfig:
    """A whole pipeline. `live` plays files in real time; `replay` reads them as fast as it can."""

    name: Name
    sources: tuple[SourceConfig, ...]
    mode: Literal["live", "replay"] = "live"
    stages: StagesConfig = field(default_factory=StagesConfig)
    bus: BusConfig = field(default_factory=BusConfig)
    history: HistoryConfig = field(default_factory=HistoryConfig)
    api: ApiConfig = field(default_factory=ApiConfig)
    privacy: PrivacyConfig = field(default_factory=PrivacyConfig)
    deployment: DeploymentConfig = field(default_factory=DeploymentConfig)
    stall_exit_s: Annotated[float, Field(ge=10, le=86_400, allow_inf_nan=False)] | None = 60.0
    """The process ends when a stage's call has not returned for so long; null never ends it."""

    @property
    def takes_sources(self) -> bool:
        """Whether sources may be added over HTTP; then a run goes on without any, and there may be none at first."""
        return self.mode == "live" and self.api.enabled and self.api.sources.enabled

    @property
    def retention_days(self) -> float | None:
        """The shorter of `history.retention_days` and `privacy.retention_days`; None keeps everything."""
        limits = (self.history.retention_days, self.privacy.retention_days)
        return min((days for days in limits if days is not None), default=None)


_SHAPE = Shape(PipelineConfig)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the YAML file."""
    return _SHAPE.json_schema()


def load(path: Path) -> PipelineConfig:
    """Read and check one YAML file. Opens nothing else.

    Raises:
        ConfigError: with one line per problem, each naming the file, the key, the value and the way out.
    """
    text = yamlfile.read(path, "pipeline configuration", "`moodline demo` needs none, configs/ has examples")
    try:
        return parse(text)
    except ConfigError as error:
        raise ConfigError(*(f"{path}: {problem}" for problem in error.problems)) from error


def parse(text: str) -> PipelineConfig:
    """Like `load`, from the text itself."""
    problems: list[str] = []
    raw = yamlfile.mapping(text, "name: and sources:", problems)
    problems += yamlfile.repeated(raw.get("sources"), "sources", "id")
    config = _SHAPE.check(raw, problems)
    if config is not None and not config.sources and not config.takes_sources:
        problems.append("sources: is empty; name at least one camera, for example {id: door, uri: webcam:0}")
    if config is not None:
        problems += _contradictions(config)
    if problems or config is None:
        raise ConfigError(*problems)
    return config


def _contradictions(config: PipelineConfig) -> Iterator[str]:
    """What is right for itself but must not be together."""
    if unlawful := config.deployment.problem():
        yield unlawful
    yield from config.privacy.contradictions(config.bus.url, config.stages.track.max_missing_s)
