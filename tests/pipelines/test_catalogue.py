"""The catalogue: what ships is sound and documented; one's own is checked in one go."""

import hashlib
import re
from pathlib import Path

import pytest
import yaml

from engine.datarights import commercial_use
from engine.errors import ConfigError
from engine.words import size_of
from pipelines.catalogue import Entry, load
from tests.support import networks

ROOT = Path(__file__).parents[2]
GOOD = {
    "name": "ours",
    "about": "RetinaFace of the company",
    "task": "face-detection",
    "like": "retinaface-resnet50",
    "url": "https://models.example/ours.onnx",
    "size": 1000,
    "sha256": "ab" * 32,
    "licence": "ours",
    "commercial": True,
}


def problems(path: Path, *entries: object, text: str | None = None) -> list[str]:
    path.write_text(yaml.safe_dump({"models": list(entries)}) if text is None else text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert all(problem.startswith(f"{path}: ") for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}: ") for problem in caught.value.problems]


def test_the_shipped_catalogue_is_right():
    entries = load().models
    assert {"buffalo_l", "buffalo_sc", "retinaface-resnet50", "yunet"} <= {entry.name for entry in entries}
    for entry in entries:
        assert entry.url.startswith("https://")
        assert (entry.member is not None) == entry.url.endswith(".zip")
        assert entry.template().task == "face-detection"
        assert entry.commercial == ("non-commercial" not in entry.licence)
        assert entry.runs == (entry.name != "yunet")
        assert commercial_use(entry.data_rights) == "not cleared"  # WIDER FACE, whatever the weights' licence


def test_every_shipped_entry_says_where_its_hash_was_found():
    text = (ROOT / "configs" / "models.yaml").read_text(encoding="utf-8")
    for block in re.split(r"\n(?=  - name:)", text)[1:]:
        name = block.split()[2]
        assert "# " in block or "packages.py" in text.split(f"name: {name}")[0], name


def test_packs_that_hold_the_same_network_agree_on_it():
    by_name = {entry.name: entry.member for entry in load().models}
    for one, other in (("buffalo_l", "antelopev2"), ("buffalo_s", "buffalo_sc")):
        first, second = by_name[one], by_name[other]
        assert first is not None and second is not None
        assert (first.size, first.sha256) == (second.size, second.sha256)


def test_yunets_hash_is_that_of_the_file():
    content = (networks.assets() / "detectors" / "face_detection_yunet_2023mar.onnx").read_bytes()
    (entry,) = load().find(["yunet"])
    assert (entry.size, entry.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_the_documentation_lists_what_is_in_it():
    _, text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8").split("## What can be pulled")
    rows = dict(re.findall(r"^\| `([a-zA-Z0-9_-]+)` \| (.*) \|$", text, re.MULTILINE))

    def row(entry: Entry) -> str:
        free, size = "yes" if entry.commercial else "no", size_of(entry.size)
        return f"{entry.about} | {size} | {entry.licence} | {free}"

    assert rows == {entry.name: row(entry) for entry in load().models}


def test_a_catalogue_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MIRROR_PASSWORD", "s3cret")
    path = tmp_path / "ours.yaml"
    member = {"path": "a/net.onnx", "size": 10, "sha256": "cd" * 32}
    url = "https://me:${MIRROR_PASSWORD}@models.example/ours.zip"
    path.write_text(yaml.safe_dump({"models": [GOOD, {**GOOD, "name": "zipped", "url": url, "member": member}]}))
    plain, zipped = load(path).models
    assert (plain.network_sha256, zipped.network_sha256) == ("ab" * 32, "cd" * 32)
    assert "s3cret" in zipped.url


def test_all_that_is_wrong_is_told_in_one_go(tmp_path: Path):
    wrong = [
        {**GOOD, "sha": "ab" * 32, "size": 0},
        {**{key: value for key, value in GOOD.items() if key != "licence"}, "name": "x y", "sha256": "AB" * 32},
        {**GOOD, "name": "other", "url": "ftp://models.example/net", "like": "retinaface-resnet"},
        {**GOOD, "name": "third", "member": {"path": "n", "size": 1, "sha256": "ab" * 32, "pth": 1}},
        {**GOOD, "commercial": "perhaps"},
        {**GOOD, "name": "fifth", "data_rights": [{"name": "WIDER FACE", "use": "trained on"}]},
    ]
    found = problems(tmp_path / "ours.yaml", *wrong)
    assert found[0] == "models[4].name: 'ours' is already the name of models[0]; names must differ"
    for expected in (
        "models[0].sha: unknown key; did you mean 'sha256'?",
        "models[0].size: 0 should be greater than or equal to 1",
        "models[1].licence: is missing",
        "models[1].name: 'x y' ",
        "models[1].sha256: ",
        "models[2].url: expected an address that begins with http://, https://, file://",
        "models[2].like: there is no kind of network 'retinaface-resnet'; did you mean 'retinaface-resnet50'?",
        "models[3].member.pth: unknown key; did you mean 'path'?",
        "models[4].commercial: 'perhaps' ",
        "models[5].data_rights: source[0]: terms is missing",
    ):
        assert any(problem.startswith(expected) for problem in found), (expected, found)
    assert len(found) == 11


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected keys such as models:, found nothing"),
        ("- a\n", "expected keys such as models:, found a list"),
        ("models: 3\n", "models: expected a list, got 3"),
        ("models:\n", "models: expected a list, got nothing"),
        ("models: []\n", "models: lists no model; docs/models.md shows how an entry looks"),
        ("models: [net]\n", "models[0]: expected keys and values, got 'net'"),
        ("modles: []\n", "modles: unknown key; did you mean 'models'?"),
        ("models: [\n", "line 2, column 1: "),
        ("models: []\nmodels: []\n", "key 'models' is given twice"),
        (
            "models:\n  - {url: '${NOT_SET_ANYWHERE}'}\n",
            "models[0].url: the environment variable NOT_SET_ANYWHERE is not",
        ),
    ],
)
def test_what_is_no_catalogue_is_told_with_its_place(tmp_path: Path, text: str, expected: str):
    found = problems(tmp_path / "ours.yaml", text=text)
    assert any(expected in problem for problem in found), found


def test_the_built_in_cascades_name_is_refused(tmp_path: Path):
    (found,) = problems(tmp_path / "ours.yaml", {**GOOD, "name": "haar"})
    assert found == "models[0].name: 'haar' is the built-in cascade, which needs no file; choose another name"


def test_a_task_that_is_not_its_kinds_is_told(tmp_path: Path):
    found = problems(tmp_path / "ours.yaml", {**GOOD, "task": "emotion"})
    assert found == ["models[0]: task is 'emotion', but 'retinaface-resnet50' is a kind of 'face-detection'"]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"nothing.yaml: no such file; docs/models.md"):
        load(tmp_path / "nothing.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load(tmp_path / "binary.yaml")


def test_unknown_names_are_told_in_one_go_with_the_nearest():
    with pytest.raises(ConfigError) as caught:
        load().find(["buffalo_L", "yunet", "zzz"])
    first, second = caught.value.problems
    assert first == "'buffalo_L' is not in the catalogue; did you mean 'buffalo_l'?"
    assert second.startswith("'zzz' is not in the catalogue; it has retinaface-mnetv2, ")
