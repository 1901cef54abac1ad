"""What a model said about single faces: the `scores-*.npz` beside a metrics file."""

from dataclasses import dataclass

import numpy as np

from engine.errors import ConfigError
from engine.items import Floats
from trainer.labels import Ints
from trainer.metrics import log_probabilities, softmax
from trainer.report.runs import Measured


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a model said about each scored face: `rows` int64 `(n,)` of the data set, `values` float32 `(n, C)`."""

    rows: Ints
    values: Floats
    are_logits: bool
    temperature: float

    def probabilities(self, tempered: bool = True) -> Floats:
        """float32 `(n, C)`, rows sum to 1; `tempered` as the model is used, else as the network said it."""
        logits = self.values if self.are_logits else log_probabilities(self.values)
        return softmax(logits, self.temperature if tempered else 1.0)


def read_scores(each: Measured) -> Scores | None:
    """The scores behind the numbers of `each`; None where those of that view were not kept.

    Raises:
        ConfigError: the file is damaged or does not fit the labels.
    """
    path = each.file.with_name(each.file.name.replace("metrics-", "scores-", 1)).with_suffix(".npz")
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            rows = stored["rows"].astype(np.int64)
            names = [name for name in (f"probabilities_{each.view}", f"logits_{each.view}") if name in stored]
            if not names:
                return None
            values = stored[names[0]].astype(np.float32)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"scores {str(path)!r} cannot be read ({error}); run evaluate again") from error
    if values.shape != (len(rows), len(each.outputs)):
        raise ConfigError(f"scores {str(path)!r}: expected {(len(rows), len(each.outputs))} scores, got {values.shape}")
    return Scores(
        rows,
        values[:, [each.outputs.index(label) for label in each.labels]],
        names[0].startswith("logits"),
        each.temperature,
    )
