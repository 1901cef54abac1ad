"""The forest kept as arrays against the one scikit-learn grew."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from trainer.models.forest import Trees


def test_the_arrays_answer_as_scikit_learn_does():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(300, 12)).astype(np.float32)
    labels = (features[:, :3].argmax(1) + 1) % 3
    forest = RandomForestClassifier(15, max_depth=7, random_state=1).fit(features, labels)
    fresh = generator.normal(size=(200, 12)).astype(np.float32)
    assert Trees.of(forest, 3)(fresh) == pytest.approx(forest.predict_proba(fresh), abs=1e-6)


def test_classes_without_a_face_keep_their_place():
    features = np.arange(40, dtype=np.float32)[:, None]
    forest = RandomForestClassifier(5, random_state=1).fit(features, np.where(features[:, 0] > 20, 3, 1))
    shares = Trees.of(forest, 5)(features)
    assert shares[:, [0, 2, 4]].max() == 0
    assert shares[:3].argmax(1).tolist() == [1, 1, 1]
