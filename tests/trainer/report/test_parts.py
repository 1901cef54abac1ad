"""The parts of a report on their own: words, marks, drawings, and reading of run folders."""

import doctest
import json

import numpy as np
import pytest

from trainer.report import charts, pictures, render, runs, scores, words
from trainer.report.document import Document, Gallery, Picture, Prose, Section, Table
from trainer.report.drawing import INK, VARIABLES, standing_alone, themed


@pytest.mark.parametrize("module", [words, render])
def test_examples_in_docstrings_are_true(module):
    done = doctest.testmod(module)
    assert done.attempted and not done.failed


@pytest.mark.parametrize(
    ("markup", "html"),
    [
        ("plain & <b>", "plain &amp; &lt;b&gt;"),
        ("**strong *and* more**", "<strong>strong <em>and</em> more</strong>"),
        ("`a < b`", "<code>a &lt; b</code>"),
        # only https links are links
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ('[x](https://a.b/"onclick=)', "[x](https://a.b/&quot;onclick=)"),
        # a name that looks like marks
        (words.plain("**a** `b` [c](https://d.e) \\"), "**a** `b` [c](https://d.e) \\"),
        ("2 * 3 * 4 and snake_case", "2 * 3 * 4 and snake_case"),
    ],
)
def test_marks_become_html_and_everything_else_is_escaped(markup, html):
    assert str(render.inline(markup)) == html


def test_a_table_refuses_a_row_of_another_width():
    with pytest.raises(ValueError, match="every row needs 2 cells"):
        Table("t", ("a", "b"), (("1",),))


def test_a_drawing_takes_its_colours_from_the_page_or_stands_on_white():
    chart = charts.coverage("c", [{"threshold": 0, "coverage": 1.0, "accuracy": 0.8}], "caption")
    page = themed(chart.svg)
    assert not any(colour in page for colour in VARIABLES)
    assert "var(--ink)" in page or "var(--muted)" in page
    assert "http" not in page and page.count("<svg") == 1
    alone = standing_alone(chart.svg)
    assert "var(" not in alone and alone.startswith("<svg") and 'xmlns="http://www.w3.org/2000/svg"' in alone
    assert INK not in page


def test_the_same_numbers_give_the_same_drawing():
    draw = [charts.slices("s", "pose", [("frontal", 0.9, 10), ("<turned>", 0.5, 5)], 0.8, "c") for _ in range(2)]
    assert draw[0] == draw[1]
    assert "<turned>" not in draw[0].svg


def test_learning_curves_take_whatever_numbers_a_history_has():
    lines = {"validation_loss": [1.0, None, 0.5], "odd key <x>": [None, 0.2, 0.3]}
    chart = charts.learning_curves("l", [1, 2, 3], lines, None, "c")
    assert "validation loss" in chart.svg and "<x>" not in chart.svg


def test_code_with_backticks_stays_inside_its_fence():
    assert render.fence("a ``` b") == "````\na ``` b\n````"


def test_a_gallery_in_markdown_is_a_table_of_its_pictures():
    shown = tuple(Picture(f"{number}.png", b"", "alt", "caption") for number in range(7))
    document = Document("t", "a", (), (Section("k", "K", (Prose("p"), Gallery("g", shown, width=96))),))
    assert render.markdown(document, "images").count("images/") == 7
    assert set(render.files(document)) == {picture.name for picture in shown}


def test_a_glow_colours_only_where_there_is_heat():
    face = np.full((48, 48), 100, np.uint8)
    heat = np.zeros((48, 48), np.float32)
    heat[30:, 30:] = 1
    image = pictures.glowing(face, heat)
    assert image.shape == (96, 96, 3) and image.dtype == np.uint8
    spread = np.ptp(image.astype(int), axis=2)
    assert spread[:40, :40].max() == 0 and spread[75:, 75:].min() > 40
    assert pictures.beside(image, image).shape == (96, 194, 3)


def test_the_headline_is_test_before_validation_and_majority_before_plurality(tmp_path):
    views = {"whole": {"majority": {}}, "aligned": {"plurality": {}, "majority": {"accuracy": 1}}}
    for split in ("validation", "test"):
        (tmp_path / f"metrics-{split}.json").write_text(json.dumps({"split": split, "views": views}))
    first = runs.read_run(tmp_path).headline()
    assert (first.split, first.view, first.truth) == ("test", "aligned", "majority")


def test_a_half_written_last_line_of_the_history_is_left_out(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"epoch": 1}\n{"epo')
    assert runs.read_lines(path) == ({"epoch": 1},)


def test_scores_are_tempered_whether_logits_or_probabilities_were_kept(tmp_path):
    logits = np.array([[2.0, 0.0], [0.0, 4.0]], np.float32)
    whole = {"model": {"labels": ["a", "b"], "temperature": 2.0}, "split": "test"}
    found = []
    for name, values in (("logits", logits), ("probabilities", np.exp(logits) / np.exp(logits).sum(1, keepdims=True))):
        np.savez(tmp_path / "scores-test.npz", rows=np.arange(2), **{f"{name}_aligned": values})
        each = runs.Measured(tmp_path / "metrics-test.json", "test", "aligned", "label", {}, whole)
        found.append(scores.read_scores(each).probabilities())
    expected = np.exp(logits / 2) / np.exp(logits / 2).sum(1, keepdims=True)
    assert np.allclose(found[0], expected, atol=1e-6) and np.allclose(found[1], expected, atol=1e-5)
