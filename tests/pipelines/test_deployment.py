"""Places where emotions must not be inferred."""

from pathlib import Path

import pytest

from engine.errors import ConfigError
from pipelines.config import parse
from tests.support.program import moodline

YAML = """
name: lobby
sources: [{{id: door, uri: "demo:"}}]
{deployment}
"""
REASON = "fatigue of crane drivers, works agreement 2026-04"


@pytest.mark.parametrize(
    "deployment",
    [
        "",
        "deployment: {}",
        "deployment: {context: other}",
        f"deployment: {{context: workplace, exemption: 'safety: {REASON}'}}",
        "deployment: {context: education, exemption: 'Medical - therapy of autistic pupils, with consent'}",
    ],
)
def test_what_is_lawful_or_says_why_may_start(deployment: str) -> None:
    assert parse(YAML.format(deployment=deployment)).name == "lobby"


@pytest.mark.parametrize(
    ("deployment", "message"),
    [
        ("{context: workplace}", "inferring emotions in the workplace is prohibited by Art. 5(1)(f)"),
        ("{context: education}", "inferring emotions in education is prohibited by Art. 5(1)(f)"),
        ("{context: workplace, exemption: yes please}", "must begin with medical or safety"),
        ("{context: workplace, exemption: safety}", "say in 20 letters or more what for"),
        ("{context: workplace, exemption: 'safety: ..........................'}", "must begin with medical or safety"),
        ("{context: workplace, exemption: 'mood of the sales team, safety of revenue'}", "must begin with medical"),
        ("{context: workplace, exemption: ''}", "deployment.exemption"),
        ("{context: office}", "deployment.context: 'office' should be 'workplace', 'education' or 'other'"),
        ("{exemption: 'safety: none is needed here, really'}", "leave it out"),
        ("{contxt: workplace}", "did you mean 'context'?"),
    ],
)
def test_what_is_prohibited_or_unclear_is_refused(deployment: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(YAML.format(deployment=f"deployment: {deployment}"))
    assert message in str(caught.value)


def test_the_program_does_not_start_there_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "office.yaml"
    path.write_text(YAML.format(deployment="deployment: {context: workplace}"))
    done = moodline("run", path, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "Art. 5(1)(f)" in done.stderr
