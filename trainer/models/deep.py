"""A trained network's features as the input of another model."""

from pathlib import Path

from engine.fields import Text, settings
from engine.items import Floats, Image
from engine.modelcard import sha256_of
from trainer.convnet import ConvNet


@settings
class DeepConfig:
    """Features of the network in folder `run`, of its `label_set` where it has several (empty: its first)."""

    run: Text
    label_set: str = ""


class Deep:
    """What stands before the last linear layer of a trained network (Donahue et al. 2014, DeCAF)."""

    def __init__(self, config: DeepConfig) -> None:
        run = Path(config.run)
        self._net = ConvNet.open(run, config.label_set or None)
        self._sha256 = sha256_of(run / "best.pt")

    @property
    def name(self) -> str:
        return f"deep-{self._sha256[:16]}"

    def __call__(self, images: Image) -> Floats:
        return self._net.features(images)
