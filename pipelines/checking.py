"""What `moodline check` finds, for those who need it in one go: the configuration and the models it names."""

from collections.abc import Iterator
from pathlib import Path

from engine.detectors.haar import Haar
from engine.errors import ConfigError, ModelError
from engine.modelcard import Task, find_model
from pipelines.config import PipelineConfig, load


def load_checked(path: Path) -> PipelineConfig:
    """Like `load`; the models that are named must be there and unaltered, too. Opens none of them.

    Raises:
        ConfigError: with one line per problem.
    """
    config = load(path)
    problems = [f"{path}: {problem}" for problem in _model_problems(config)]
    if problems:
        raise ConfigError(*problems)
    return config


def _model_problems(config: PipelineConfig) -> Iterator[str]:
    tries: tuple[tuple[str, str, Task, list[str]], ...] = (
        ("detect", config.stages.detect.model, "face-detection", [Haar.name]),
        ("classify", config.stages.classify.model, "emotion", []),
    )
    for stage, name, task, built_in in tries:
        try:
            if name in built_in:
                Haar()  # not every OpenCV has the cascade
            else:
                find_model(name, task, built_in)
        except ModelError as error:
            yield f"stages.{stage}.model: {error}"
