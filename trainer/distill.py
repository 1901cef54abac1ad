"""Learning from a network that looked more than once: its averaged answers as part of the targets.

Knowledge distillation (Hinton et al. 2015, arXiv 1503.02531), where the teacher may be an earlier run of the
same network (Furlanello et al. 2018, arXiv 1805.04770). It softens wrong labels, and one look learns to
answer as several did.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.errors import ConfigError
from engine.items import Floats
from trainer import runs
from trainer.batches import Examples, examples
from trainer.config import TrainConfig
from trainer.convnet import ConvNet
from trainer.faceset import FaceSet


def prepared(faces: FaceSet, config: TrainConfig, say: Callable[[str], None] = lambda _line: None) -> Examples:
    """What `config` trains on: `examples`, and where it names a teacher, `taught` by that. `say` gets a line
    before the teacher is asked, which takes a while.

    Raises:
        ConfigError: of `examples` or `taught`.
    """
    data = examples(faces, config)
    if not config.teacher:
        return data
    say(f"asking the teacher {config.teacher} about {len(data.train)} faces")
    return taught(data, Path(config.teacher), config.teacher_share)


def taught(data: Examples, teacher: Path, share: float) -> Examples:
    """`data` with `share` of each training target replaced by what the run `teacher` answers on average to
    the face aligned and whole, as it is and mirrored. Faces without a label of a head keep having none;
    validation targets stay.

    Raises:
        ConfigError: `teacher` is no run, or has not learned these label sets.
    """
    runs.require_trained(teacher, "teacher")
    known = {head.name: head.labels for head in runs.heads_of(teacher)}
    targets = data.targets.copy()
    for head, columns in zip(data.heads, data.slices, strict=True):
        if known.get(head.name) != head.labels:
            raise ConfigError(f"teacher {str(teacher)!r} learned {', '.join(known)}, not {head.name!r}")
        own = targets[data.train, columns]
        answers = _answers(ConvNet.open(teacher, head.name), data)
        labelled = own.sum(1, keepdims=True) > 0
        targets[data.train, columns] = np.where(labelled, (1 - share) * own + share * answers, own)
    return replace(data, targets=targets)


def _answers(net: ConvNet, data: Examples) -> Floats:
    """Probabilities for the training faces, the mean of four looks."""
    looks = [np.asarray(view[data.train]) for view in (data.aligned, data.whole)]
    answers = [net.predict_proba(look[:, :, ::step]) for look in looks for step in (1, -1)]
    return np.asarray(np.mean(answers, axis=0), np.float32)
