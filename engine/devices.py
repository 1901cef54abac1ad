"""Where networks run, by name, and what a loaded one offers; `engine.sessions` opens them with ONNX Runtime."""

from typing import Literal, Protocol

import numpy as np

from engine.items import Floats

Device = Literal["auto", "cpu", "cuda", "tensorrt"]


class Session(Protocol):
    """A loaded network. `run` may be called from several threads at once."""

    @property
    def device(self) -> str:
        """Where it really runs: `cpu`, `cuda` or `tensorrt`."""

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Fixed sizes of the one input; None where any size goes."""

    @property
    def output_shapes(self) -> tuple[tuple[int | None, ...], ...]: ...

    def run(self, batch: Floats) -> list[Floats]:
        """All outputs for one float32 batch.

        Raises:
            ModelError: the network refuses a batch of this shape, or its device fails.
        """


def warm_up(session: Session, batch: Floats) -> None:
    """Run `batch` once so that the first real call finds its kernels chosen and its memory there.

    Raises:
        ModelError: when the network refuses a batch of this shape.
    """
    session.run(np.ascontiguousarray(batch))
