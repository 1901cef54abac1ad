"""The report as a whole: every chapter is there, and every score comes from a file."""

import json
import re
import shutil
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import urlparse

import pytest

from engine.modelcard import ModelCard, report_path, sha256_of
from engine.pixels import InputSpec
from tests.trainer.unseen.drawn import write_faces
from trainer import cli

CHAPTERS = (
    "Summary", "Method", "The data", "Learning curves", "Models compared",
    "Faces it was never trained on", "Class by class", "Faces of clips", "Hardest mistakes",
    "Where the network looks", "Calibration", "Slices", "Export variants", "Cross-validation and tuning", "Cost",
    "Limitations", "Ethics and intended use",
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(template, tmp_path_factory):
    """The page and its twin of a run folder that lacks nothing, and the folder they are in."""
    root = tmp_path_factory.mktemp("whole")
    shutil.copytree(template, root, dirs_exist_ok=True)
    place = SimpleNamespace(root=root, **{name: root / name for name in ("run", "data", "table", "cv", "tune")})
    clip = write_faces(root / "clip", [f"{number}.png" for number in range(3)])
    page, twin = report(place, sheet=clip)
    return SimpleNamespace(page=page, twin=twin, root=root)


def report(place, *runs, data=True, sheet=None):
    folders = [str(run) for run in runs or (place.run, place.table, place.cv, place.tune)]
    out = place.root / "out" / "page.html"
    arguments = ["report", *folders, *(["--data", str(place.data)] if data else []), "--out", str(out)]
    arguments += ["--contact-sheet", str(sheet)] if sheet else []
    assert cli.run(arguments) == 0
    page, twin = (path.read_text(encoding="utf-8") for path in (out, out.with_suffix(".md")))
    return page.replace("\N{NO-BREAK SPACE}", " "), twin.replace("\N{NO-BREAK SPACE}", " ")


def edit(path, change):
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


class Page(HTMLParser):
    """The attributes and anchors of a page, and whether its tags are balanced."""

    VOID = ("meta", "img", "br", "link", "use", "path", "rect")

    def __init__(self, text):
        super().__init__()
        self.attributes, self.ids, self.open, self.wrong = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        if tag not in self.VOID and (not self.open or self.open.pop() != tag):
            self.wrong.append(tag)


def test_the_page_and_its_twin_hold_every_chapter_and_nothing_is_missing(whole):
    page, twin = whole.page, whole.twin
    for chapter in CHAPTERS:
        assert f">{chapter}</h2>" in page and f"\n## {chapter}\n" in twin, chapter
    assert '<aside class="missing">' not in page


def test_the_page_is_whole_and_loads_nothing_from_elsewhere(whole):
    page = Page(whole.page)
    assert page.wrong == [] and page.open == []
    assert len(set(page.ids)) == len(page.ids)
    for tag, name, value in page.attributes:
        assert name != "style" or "url(http" not in value
        if name in ("src", "href", "srcset", "data", "poster", "xlink:href"):
            assert value.startswith(("data:image/", "#")) or (tag == "a" and urlparse(value).scheme == "https"), value
        if name == "href" and value.startswith("#"):
            assert value[1:] in page.ids, value
    pictures = [attributes for attributes in page.attributes if attributes[:2] == ("img", "alt")]
    assert pictures and all(alt for _, _, alt in pictures)


def test_the_twin_shows_only_pictures_that_are_there(whole):
    shown = re.findall(r"!\[[^\n]*?\]\(([^)]+)\)", whole.twin)
    assert len(shown) > 20
    assert all((whole.root / "out" / name).is_file() for name in shown)
    for drawing in (whole.root / "out" / "page-images").glob("*.svg"):
        assert 'fill="white"' in drawing.read_text(encoding="utf-8")


def test_a_contact_sheet_shows_faces_of_clips_with_what_the_model_says(whole):
    chapter = whole.twin.split("\n## Faces of clips\n")[1].split("\n## ")[0]
    assert len(re.findall(r"\(page-images/sheet-\d\d\.jpg\)", chapter)) == 3
    assert "3 faces, sampled evenly from clip" in chapter and "below the engine's `min_confidence`" in chapter


def test_a_page_without_pictures_has_no_contact_sheet(place, capsys):
    arguments = ["report", str(place.run), "--contact-sheet", str(place.root)]
    for option in (["--no-pictures"], ["--beside", str(place.root / "model.onnx")]):
        assert cli.run([*arguments, *option]) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert "--contact-sheet shows faces" in said


VOTES = {"name": "FER+ votes", "use": "trained on", "terms": "MIT"}
CHANGES = (
    # the headline
    ("run/metrics-test.json", lambda c: aligned(c).update(accuracy=0.98765), "98.8 %"),
    ("run/metrics-test.json", lambda c: aligned(c).update(accuracy_interval=[0.11111, 0.99888]), "11.1 to 99.9 %"),
    ("run/metrics-test.json", lambda c: aligned(c).update(calibration_error=0.03579), "0.036"),
    # a class
    ("run/metrics-test.json", lambda c: aligned(c)["per_class"]["fear"].update(f1=0.24689), "0.247"),
    # a confusion
    ("run/metrics-test.json", lambda c: aligned(c)["confusion"][0].__setitem__(1, 4321), "4,321"),
    # a slice
    ("run/metrics-test.json", lambda c: c["slices"]["sharpness"][0].update(accuracy=0.77777), "77.8 %"),
    # unseen faces
    ("run/metrics-also.json", lambda c: c["also"]["sets"][0].update(accuracy=0.43219), "43.2 %"),
    ("run/metrics-also.json", lambda c: c["also"]["mean"].update(balanced_accuracy=0.54321), "54.3 %"),
    ("run/metrics-also.json", lambda c: c["also"]["sets"][1]["per_class"]["anger"].update(images=7654), "7,654"),
    ("run/metrics-also.json", lambda c: c["also"]["thresholds"]["accuracy"][0].__setitem__(1, 0.65432), "65.4 %"),
    ("run/metrics-also.json", lambda c: c["also"]["mean"]["risk_coverage"].update(area=0.12345), "0.123"),
    ("table/table.json", lambda c: c["tables"][0]["rows"][0].update(unseen_accuracy=0.32145), "32.1 %"),
    # time per face
    ("run/metrics-test.json", lambda c: c["latency"][0].update(milliseconds=7.7777), "7.78"),
    # other models
    ("table/table.json", lambda c: c["tables"][0]["rows"][0].update(accuracy=0.13579), "13.6 %"),
    ("table/table.json", lambda c: c["tables"][1]["rows"][1].update(accuracy=0.97531), "97.5 %"),
    ("cv/cv.json", lambda c: c["models"]["stripes"]["scores"]["accuracy"].update(mean=0.86421), "86.4 %"),
    ("run/export.json", lambda c: c["files"][1].update(bytes=2_345_678), "2.35 MB"),
    ("run/cost.json", lambda c: c.update(fit_seconds=7260), "2 h 1 min"),
    ("data/manifest.json", lambda c: c.update(aligned=0.87654), "87.7 %"),
    ("data/manifest.json", lambda c: c["origin"].update(commercial="cleared"), "Commercial use of it is cleared."),
    ("data/manifest.json", lambda c: c["origin"].update(licence="none at all"), "Its terms: none at all."),
    ("data/manifest.json", lambda c: c["origin"].update(also=[VOTES]), "With it came FER+ votes, on the terms: MIT"),
)


def test_a_number_on_the_page_changes_with_its_file(place, whole):
    for file, change, _ in CHANGES:
        edit(place.root / file, change)
    after, twin = report(place)
    for file, _, shown in CHANGES:
        assert shown not in whole.page, (file, shown)
        assert shown in after and shown in twin, (file, shown)


def aligned(content):
    return content["views"]["aligned"]["majority"]


def test_every_score_in_the_tables_stands_in_a_file(whole):
    tables = " ".join(re.findall(r"<td[^>]*>(.*?)</td>", whole.page))
    shown = set(re.findall(r"\b\d+\.\d+", re.sub(r"<[^>]*>", "", tables)))
    texts = [path.read_text(encoding="utf-8") for path in whole.root.glob("*/*.json*")]
    numbers = [float(number) for text in texts for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)]
    written = {
        f"{number * scale:.{digits}f}" for number in numbers for scale in (1, 100, 1e-6) for digits in range(1, 5)
    }
    assert len(shown) > 40
    assert shown - written == set()


def test_names_from_files_are_no_markup(place):
    evil = '<script>alert("x")</script> [a](https://evil.example) | *b*'
    edit(place.run / "metrics-test.json", lambda content: content["model"].update(name=evil))
    edit(
        place.table / "table.json",
        lambda content: content["tables"][0]["rows"][0].update(name=evil, source=f"https://x/{evil}"),
    )
    page, twin = report(place)
    assert "<script>alert" not in page and "<script>alert" not in twin
    assert "&lt;script&gt;alert" in page
    assert 'href="https://evil.example"' not in page and "[a](https://evil.example)" not in twin


@pytest.mark.parametrize(
    ("gone", "commands"),
    [
        (("run/metrics-test.json", "run/history.jsonl"), ("evaluate", "fit")),
        (("run/scores-test.npz", "run/cost.json"), ("evaluate", "fit")),
        (
            ("run/best.pt", "run/export.json", "table/table.json", "cv/cv.json"),
            ("fit", "export", "compare", "crossval"),
        ),
    ],
)
def test_what_is_missing_is_one_sentence_and_a_command(place, gone, commands):
    for name in gone:
        (place.root / name).unlink()
    page, twin = report(place)
    asides = re.findall(r'<aside class="missing">(.*?)</aside>', page)
    for command in commands:
        assert any(f"moodline-train {command} " in aside for aside in asides), command
        assert f"\nmoodline-train {command} " in twin
    assert all(f">{chapter}</h2>" in page for chapter in CHAPTERS)


def test_a_run_just_begun_gives_a_report_of_what_is_missing(place):
    begun = place.root / "begun"
    begun.mkdir()
    shutil.copy(place.run / "config.yaml", begun)
    page, _ = report(place, begun, data=False)
    assert page.count('<aside class="missing">') >= 10
    assert all(f">{chapter}</h2>" in page for chapter in CHAPTERS)
    assert "None" not in re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda place: (place.run / "metrics-test.json").write_text("{"), "metrics-test.json: not JSON"),
        (lambda place: (place.run / "history.jsonl").write_text("{}\n{\n{}\n"), "history.jsonl:2: not JSON"),
        (lambda place: (place.run / "scores-test.npz").write_bytes(b"PK"), "scores-test.npz"),
        (lambda place: edit(place.data / "manifest.json", lambda c: c.update(sha256="0" * 64)), "was measured on"),
    ],
)
def test_a_damaged_file_is_one_line_and_exit_code_two(place, spoil, message, capsys):
    spoil(place)
    arguments = ["report", str(place.run), "--data", str(place.data), "--out", str(place.root / "page.html")]
    assert cli.run(arguments) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("moodline-train:")]
    assert message in line
    assert not (place.root / "page.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "is no folder"),
        # a folder of something else
        (("{root}",), "holds no run (no config.yaml, manifest.json or metrics-*.json)"),
        (("{cv}", "{run}"), "cv' holds no run"),
        (("{run}", "--out", "page.pdf"), "must end in .html"),
        (("{run}", "--beside", "model.html"), "must end in .onnx: name the model, not the page"),
        (("{run}", "--beside", "nowhere.onnx", "--out", "page.html"), "give one of them"),
        (("{run}", "--data", "nowhere"), "is no prepared data set"),
        ((), "RUN"),
    ],
)
def test_wrong_arguments_end_with_2(place, arguments, message, capsys):
    assert cli.run(["report", *(argument.format(**vars(place)) for argument in arguments)]) == 2
    assert message in capsys.readouterr().err


def test_a_page_without_pictures_shows_nobody_and_keeps_the_numbers(place, whole):
    out = place.root / "page.html"
    folders = [str(run) for run in (place.run, place.table, place.cv, place.tune)]
    assert cli.run(["report", *folders, "--data", str(place.data), "--no-pictures", "--out", str(out)]) == 0
    page = out.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert "<img" in whole.page and "<img" not in page and "data:image" not in page
    assert "shows no picture of a person" in page and 'class="missing"' not in page
    for chapter in CHAPTERS:
        assert f"{chapter}</h2>" in page
    (wrong,) = re.findall(r"[\d,]+ were named wrongly", whole.page)
    assert wrong in page
    assert not [path for path in out.with_name("page-images").iterdir() if path.suffix in (".png", ".jpg")]


def exported_model(folder):
    """A file with a card as `export` leaves them; its hash is told to the run's table by the caller."""
    model = folder / "mine.onnx"
    model.write_bytes(b"a network")
    spec = InputSpec(48, 48, "GRAY", 1.0, (0.5,), (0.25,))
    digest, labels = sha256_of(model), ("neutral", "happiness")
    card = ModelCard("mine", "1", "emotion", digest, spec, "logits", "Apache-2.0", labels)
    model.with_suffix(".json").write_text(card.to_json(), encoding="utf-8")
    return model


def test_a_report_is_put_beside_the_model_that_was_exported_from_its_run(place, capsys):
    model = exported_model(place.root)
    asked = ["report", str(place.run), "--data", str(place.data), "--beside", str(model)]
    assert cli.run(asked) == 2
    assert "was not exported from" in capsys.readouterr().err
    assert not report_path(model).exists()
    edit(place.run / "export.json", lambda table: table["files"][0].update(sha256=sha256_of(model)))
    assert cli.run(asked) == 0
    assert str(report_path(model)) in capsys.readouterr().out
    page = report_path(model).read_text(encoding="utf-8")
    assert "<img" not in page and "shows no picture of a person" in page
    assert {path.name for path in place.root.iterdir() if "report" in path.name} == {"mine.report.html"}


def test_a_page_that_cannot_be_written_is_named_without_an_error_number(place, capsys):
    (place.root / "page-images").write_text("a file where the pictures go")
    assert cli.run(["report", str(place.run), "--out", str(place.root / "page.html")]) == 1
    assert f"moodline-train: {place.root / 'page-images'}: File exists\n" in capsys.readouterr().err
