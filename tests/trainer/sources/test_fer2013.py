"""FER2013 from Kaggle's table, with and without the FER+ votes."""

import pytest

from engine.errors import ConfigError
from tests.trainer.sources.layouts import HEAD, PIXELS, ROWS, SIDE, VOTE_HEAD, VOTES, write_csv
from trainer.labels import FER2013, FERPLUS
from trainer.sources.find import open_source


def test_the_table_with_votes_has_two_label_sets_ferplus_first(tmp_path):
    source = open_source(write_csv(tmp_path))
    assert (source.layout, source.count, list(source.label_sets)) == ("fer2013-csv", 2, ["ferplus", "fer2013"])
    first, second = source.records()
    assert first.image.shape == (SIDE, SIDE) and first.image[0, :3].tolist() == [0, 1, 2]
    assert (first.split, second.split) == (0, 2)
    assert first.answers["ferplus"].tolist() == [4, 0, 0, 0, 3, 2, 0, 0, 0, 0]  # the single vote is noise
    assert FER2013[second.answers["fer2013"].argmax()] == FERPLUS[second.answers["ferplus"].argmax()] == "happiness"
    assert second.name == "fer2013.csv, line 3"


def test_the_table_alone_has_its_own_labels(tmp_path):
    source = open_source(write_csv(tmp_path, votes=None))
    assert list(source.label_sets) == ["fer2013"]
    assert (source.origin.commercial, source.origin.also) == ("not cleared", ())
    assert len(list(source.records())) == 2


def test_the_challenges_own_file_is_known_by_its_name_and_odd_header(tmp_path):
    (tmp_path / "icml_face_data.csv").write_text(f"emotion, Usage, pixels\n6,PublicTest,{PIXELS}\n")
    (record,) = open_source(tmp_path).records()
    assert record.split == 1
    (direct,) = open_source(tmp_path / "icml_face_data.csv").records()
    assert (direct.image == record.image).all()


@pytest.mark.parametrize(
    ("pixels", "votes", "message"),
    [
        # too few numbers
        (f"{HEAD}0,1 2 3,Training\n", None, r"fer2013\.csv, line 2, column 'pixels': expected 2304 numbers.*found 3"),
        # a number that is no byte
        (f"{HEAD}0,{PIXELS.replace('17', '300')},Training\n", None, "line 2, column 'pixels'.*found '300'"),
        # no number
        (f"{HEAD}0,{PIXELS.replace('17', 'x')},Training\n", None, "line 2, column 'pixels'.*found 'x'"),
        # a class nobody knows
        (f"{HEAD}7,{PIXELS},Training\n", None, "line 2, column 'emotion': expected a number 0..6, found '7'"),
        (f"{HEAD}happy,{PIXELS},Training\n", None, "column 'emotion'.*'happy'"),
        # a split nobody knows, in the second row
        (f"{HEAD}0,{PIXELS},Training\n0,{PIXELS},Holiday\n", None, "line 3, column 'Usage': .* found 'Holiday'"),
        # numbers to Python, but to no other reader
        (f"{HEAD}0,{PIXELS.replace('17', '1_0', 1)},Training\n", None, "line 2, column 'pixels'.*found '1_0'"),
        (f"{HEAD}0,{PIXELS.replace('17', '+1', 1)},Training\n", None, r"line 2, column 'pixels'.*found '\+1"),
        # no header: the first row is not told in full
        (ROWS, None, r"line 1: column 'emotion' is missing; there is '.{100}\.\.\.'$"),
        # columns whose names are in the wrong order
        (f"emotion,Usage,pixels\n0,{PIXELS},Training\n", None, r"column 'Usage'.* found '.{40}\.\.\.'$"),
        # a column renamed
        (f"emotion,pixel,Usage\n0,{PIXELS},Training\n", None, "line 1: column 'pixels' is missing"),
        # a line cut short, or too long
        (f"{HEAD}0\n", None, "line 2, column 'pixels': no value"),
        (f"{HEAD}0,{PIXELS},Training,9\n", None, "line 2: 4 values for 3 columns"),
        # an open quotation mark that swallows the rest
        (f'{HEAD}0,"{PIXELS},Training\n' + ROWS * 12, None, r"fer2013\.csv, line \d+: no CSV"),
        # a number of five thousand digits
        (f"{HEAD}0,{PIXELS.replace('17', '1' * 5000, 1)},Training\n", None, "line 2, column 'pixels'.*found '111"),
        # votes that are no number
        (HEAD + ROWS, VOTE_HEAD + VOTES.replace(",9,", ",many,"), r"fer2013new\.csv, line 3.*'happiness'.*'many'"),
        # fewer votes than images
        (HEAD + ROWS, VOTE_HEAD + VOTES.splitlines()[0], r"fer2013new\.csv: 1 rows of votes, but fer2013\.csv has 2"),
        # votes in another order
        (HEAD + ROWS, VOTE_HEAD + "\n".join(reversed(VOTES.splitlines())), "line 2.*different order"),
    ],
)
def test_a_bad_table_is_named_with_line_and_column(tmp_path, pixels, votes, message):
    with pytest.raises(ConfigError, match=message):
        list(open_source(write_csv(tmp_path, pixels, votes)).records())


def test_a_line_that_is_not_utf8_is_named(tmp_path):
    table = write_csv(tmp_path, votes=None) / "fer2013.csv"
    table.write_bytes(table.read_bytes() + f"0,{PIXELS},Caf\xe9\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"fer2013\.csv, line 4: not in UTF-8"):
        list(open_source(tmp_path).records())
