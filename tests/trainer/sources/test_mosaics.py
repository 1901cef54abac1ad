"""FER2013 as mosaics."""

import numpy as np
import pytest

from engine.errors import ConfigError
from tests.trainer.sources.layouts import write_labels, write_mosaics
from trainer.sources.find import open_source


def test_mosaics_are_cut_row_by_row_and_named_by_line(tmp_path):
    tiles = write_mosaics(tmp_path, 997)
    source = open_source(tmp_path)
    records = list(source.records())
    assert (source.layout, source.count, len(records)) == ("fer2013-mosaics", 997, 997)
    assert abs(records[41].image.astype(int) - tiles[41]).max() <= 2  # gray through YUV
    assert records[41].name == "fer2013.csv, line 43"
    assert (records[41].split, int(records[41].answers["fer2013"].argmax())) == (41 % 3, 41 % 7)


def test_a_mosaic_of_another_size_is_refused(tmp_path):
    write_mosaics(tmp_path, 5, rows=24)
    with pytest.raises(ConfigError, match=r"00\.webp: expected 1920x1200 pixels, found 1920x1152"):
        list(open_source(tmp_path).records())


def test_labels_without_enough_tiles_are_refused(tmp_path):
    write_mosaics(tmp_path, 1001)
    with pytest.raises(ConfigError, match="1000 tiles for the 1001 rows"):
        open_source(tmp_path)


def test_an_archive_that_lacks_an_array_or_is_damaged_is_refused(tmp_path):
    write_mosaics(tmp_path, 900)
    write_labels(tmp_path, 900, label=np.full(900, 7))
    with pytest.raises(ConfigError, match=r"'label' has values outside 0\.\.6"):
        open_source(tmp_path)
    write_labels(tmp_path, 900, usage=np.zeros(3, np.uint8))
    with pytest.raises(ConfigError, match="'usage' has shape"):
        open_source(tmp_path)
    np.savez(tmp_path / "labels.npz", usage=np.zeros(3, np.uint8))
    with pytest.raises(ConfigError, match="'label' is missing"):
        open_source(tmp_path)
    (tmp_path / "labels.npz").write_bytes(b"not an archive")
    with pytest.raises(ConfigError, match="not an archive"):
        open_source(tmp_path)
