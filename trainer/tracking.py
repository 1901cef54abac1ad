"""Learning curves for TensorBoard."""

from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter


class Tensorboard:
    """Writes each epoch's numbers to `folder`, or nothing when it is None. Context manager.

    After a resume lines of epochs beyond `done` are hidden, since they will come again.
    """

    def __init__(self, folder: Path | None, done: int = 0) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=done + 1) if folder else None

    def __enter__(self) -> "Tensorboard":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer:
            self._writer.close()

    def write(self, line: dict[str, Any]) -> None:
        """All numbers of one line of the history, at its epoch."""
        if self._writer:
            for name, value in line.items():
                if name != "epoch":
                    self._writer.add_scalar(name, value, line["epoch"])
            self._writer.flush()
