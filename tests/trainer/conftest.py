"""A small invented data set, and recipes small enough to train in a second."""

from pathlib import Path

import numpy as np
import pytest
import torch

from trainer.augment import AugmentConfig
from trainer.config import TrainConfig
from trainer.data import LABELS, SIZE, VOTES, Faces
from trainer.preprocess import Packed


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def assets() -> Path:
    folder = Path(__file__).resolve().parents[3] / "shared" / "assets"
    if not folder.is_dir():
        pytest.skip(f"development assets are not at {folder}")
    return folder


def invented_faces(count: int = 96, seed: int = 0) -> Faces:
    """Images whose stripes give away their label; two thirds training, the rest validation and test."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % len(LABELS)
    across = np.arange(SIZE)
    images = np.empty((count, SIZE, SIZE), np.uint8)
    for row, label in enumerate(labels):
        wave = 128 + 90 * np.sin(across * (label + 1) * np.pi / SIZE)
        noise = generator.normal(0, 8, (SIZE, SIZE))
        images[row] = np.clip(wave[:, None] + noise, 0, 255).astype(np.uint8)
    votes = np.zeros((count, len(VOTES)), np.uint8)
    votes[np.arange(count), labels] = 8
    votes[np.arange(count), (labels + 1) % len(LABELS)] = 2
    split = np.repeat([0, 1, 2], [count - 2 * (count // 6), count // 6, count // 6]).astype(np.uint8)
    return Faces(images, votes, split)


@pytest.fixture
def faces() -> Faces:
    return invented_faces()


@pytest.fixture
def packed(faces: Faces) -> Packed:
    return Packed(faces, faces.images[:, ::-1].copy(), np.ones(len(faces.images), np.bool_))


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
        threads=1,
        seed=3,
    )
