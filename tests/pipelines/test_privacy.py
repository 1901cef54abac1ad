"""The section `privacy:` of a pipeline."""

import pytest

from engine.errors import ConfigError
from pipelines.config import parse

YAML = 'name: x\nsources: [{{id: a, uri: "demo:"}}]\nhistory: {{retention_days: {history}}}\nprivacy: {privacy}\n'


@pytest.mark.parametrize(
    ("history", "privacy", "days"),
    [
        ("30", "{}", 30),
        ("30", "{retention_days: 7}", 7),
        ("7", "{retention_days: 30}", 7),  # the shorter one, wherever it stands
        ("null", "{retention_days: 0.5}", 0.5),
        ("null", "{}", None),
    ],
)
def test_the_shorter_retention_holds(history: str, privacy: str, days: float | None) -> None:
    assert parse(YAML.format(history=history, privacy=privacy)).retention_days == days


@pytest.mark.parametrize(
    ("privacy", "message"),
    [
        ("{blur_preview: maybe}", "privacy.blur_preview: "),
        ("{blur_previews: true}", "privacy.blur_previews: unknown key; did you mean 'blur_preview'?"),
        ("{rotate_track_ids: 0}", "privacy.rotate_track_ids: "),
        ("{rotate_track_ids: .nan}", "privacy.rotate_track_ids: "),
        ("{rotate_track_ids: 1e9}", "privacy.rotate_track_ids: "),
        ("{rotate_track_ids: true}", "privacy.rotate_track_ids: "),
        ("{retention_days: 0}", "privacy.retention_days: "),
        ("{retention_days: -1}", "privacy.retention_days: "),
    ],
)
def test_what_cannot_be_kept_is_refused(privacy: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(YAML.format(history="30", privacy=privacy))
    assert message in str(caught.value)


def test_privacy_costs_nothing_unasked() -> None:
    privacy = parse(YAML.format(history="30", privacy="{}")).privacy
    assert (privacy.blur_preview, privacy.rotate_track_ids, privacy.retention_days) == (False, None, None)


@pytest.mark.parametrize("hidden", ["blur_preview", "aggregate_only"])
def test_faces_are_not_shown_by_one_key_and_hidden_by_another(hidden: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(YAML.format(history="30", privacy=f"{{thumbnails: true, {hidden}: true}}") + "bus: {url: 'memory://'}\n")
    assert caught.value.problems == (
        f"privacy.thumbnails: shows faces that privacy.{hidden} hides; leave one of the two out",
    )
