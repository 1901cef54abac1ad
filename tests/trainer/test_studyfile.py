"""A study file that cannot be read is refused by name."""

import sqlite3
from contextlib import closing

import pytest

from engine.errors import ConfigError
from trainer.cli import run
from trainer.studyfile import check_study


@pytest.fixture
def study(tmp_path):
    with closing(sqlite3.connect(tmp_path / "study.db")) as database:
        database.execute("CREATE TABLE trials (number INTEGER, name TEXT)")
        database.executemany("INSERT INTO trials VALUES (?, ?)", [(row, "a" * 500) for row in range(100)])
        database.commit()
    return tmp_path / "study.db"


def test_a_study_none_or_an_empty_one_is_taken(study, tmp_path):
    check_study(study)
    check_study(tmp_path / "none.db")
    (tmp_path / "empty.db").touch()
    check_study(tmp_path / "empty.db")


@pytest.mark.parametrize("text", [b"x", b"no database " * 500])
def test_a_file_that_is_no_study_is_refused(study, text):
    study.write_bytes(text)
    with pytest.raises(ConfigError, match=r"study '.*study.db' cannot be read \(not an SQLite file\); put back"):
        check_study(study)


@pytest.mark.parametrize("length", [16, 5000])
def test_a_study_cut_off_is_refused(study, length):
    study.write_bytes(study.read_bytes()[:length])
    with pytest.raises(ConfigError, match="cannot be read"):
        check_study(study)


def test_a_study_written_over_in_the_middle_is_refused(study):
    text = study.read_bytes()
    study.write_bytes(text[:4096] + b"y" * 8192 + text[12288:])
    with pytest.raises(ConfigError, match="cannot be read"):
        check_study(study)


def test_tune_ends_with_2_and_one_line(data, recipe, tmp_path, capsys):
    (tmp_path / "base.yaml").write_text(recipe.to_yaml())
    search = "base: base.yaml\nepochs: 1\nsearch:\n  batch_size: {kind: choice, values: [16, 32]}\n"
    (tmp_path / "tune.yaml").write_text(search)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.db").write_text("damaged" * 100)
    arguments = ["tune", f"{tmp_path / 'tune.yaml'}", "--data", str(data), "--study", f"{tmp_path / 'study'}"]
    assert run(arguments) == 2
    shown = capsys.readouterr().err
    assert "study.db" in shown and "choose a new --study" in shown and "Traceback" not in shown
    assert len(shown.splitlines()) == 1
