"""A small invented data set, and recipes small enough to train in a second."""

from pathlib import Path

import pytest
import torch

from tests.trainer.support import invented_set
from trainer.augment import AugmentConfig
from trainer.config import TrainConfig
from trainer.faceset import FaceSet, save


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def assets() -> Path:
    folder = Path(__file__).resolve().parents[3] / "shared" / "assets"
    if not folder.is_dir():
        pytest.skip(f"development assets are not at {folder}")
    return folder


@pytest.fixture
def faces() -> FaceSet:
    return invented_set()


@pytest.fixture
def data(tmp_path: Path, faces: FaceSet) -> Path:
    """The same as a prepared folder."""
    save(faces, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def recipe() -> TrainConfig:
    gentle = AugmentConfig(turn=2, zoom=0.02, shift=0.02, cutout_share=0.2)
    return TrainConfig(
        name="tiny",
        net="tiny",
        epochs=4,
        batch_size=16,
        learning_rate=0.05,
        augment=gentle,
        device="cpu",
        precision="fp32",
        threads=1,
        seed=3,
    )
