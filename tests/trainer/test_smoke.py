"""`make train-smoke` as a test: the chain works without data sets, and says which step failed."""

import shutil
from collections import Counter

import numpy as np
import pytest

from tests.smoke import train_smoke
from tests.smoke.drawn_faces import drawn, write_csv
from tests.smoke.train_smoke import Chain, StepFailedError
from trainer.sources.find import open_source


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_from_faces_to_events_of_the_exported_model(tmp_path, capsys):
    assert train_smoke.main(["--keep", str(tmp_path / "chain")]) == 0, capsys.readouterr().out
    assert "FAILED" not in capsys.readouterr().out


def test_drawn_faces_are_read_as_fer2013_and_are_the_same_each_time(tmp_path):
    write_csv(tmp_path / "fer2013.csv", drawn(140))
    records = list(open_source(tmp_path / "fer2013.csv").records())
    assert Counter(record.split for record in records) == {0: 112, 1: 14, 2: 14}
    assert Counter(int(record.answers["fer2013"].argmax()) for record in records) == dict.fromkeys(range(7), 20)
    again = [face for _, face, _ in drawn(140)]
    assert all(np.array_equal(record.image.squeeze(), face) for record, face in zip(records, again, strict=True))
    assert len({face.tobytes() for face in again}) == 140


def test_the_first_step_that_fails_ends_it_with_what_the_program_said(tmp_path, capsys):
    class Broken(Chain):
        def prepare(self):
            shutil.rmtree(self.folder)
            super().prepare()

    assert train_smoke.run(Broken(tmp_path, None, None)) == 1
    said = capsys.readouterr().out
    assert "prepare   FAILED" in said and "fer2013.csv' does not exist" in said and "fit " not in said


def test_a_file_that_was_not_written_is_told(tmp_path):
    with pytest.raises(StepFailedError, match=r"page\.html was not written"):
        train_smoke.require(tmp_path / "page.html")
