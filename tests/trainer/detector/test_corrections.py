from pathlib import Path

import pytest

from engine.errors import ConfigError
from trainer.detector.corrections import Corrections, read_corrections


def written(folder: Path, text: str) -> Path:
    (folder / "corrections.txt").write_text(text)
    return folder / "corrections.txt"


def test_lines_name_pictures_without_faces_and_pictures_to_leave_out(tmp_path):
    path = written(tmp_path, "# by hand\nnone backgrounds/a b.jpg  # a bird\n\nout faces/c.jpg\n")
    assert read_corrections(path) == Corrections(frozenset({"backgrounds/a b.jpg"}), frozenset({"faces/c.jpg"}))


def test_every_line_that_does_not_parse_is_named(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_corrections(written(tmp_path, "none a.jpg\nnothing b.jpg\nout\n"))
    first, second = caught.value.problems
    assert "corrections.txt:2: expected 'none NAME' or 'out NAME', got 'nothing b.jpg'" in first
    assert "corrections.txt:3" in second


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.txt' cannot be read \(No such file"):
        read_corrections(tmp_path / "gone.txt")


def test_the_shipped_corrections_can_be_read():
    found = read_corrections(Path(__file__).parents[3] / "configs" / "trainer" / "retinaface-corrections.txt")
    assert len(found.none) > 100
    assert all(name.startswith("backgrounds/") for name in found.none)
