"""The whole program while a model's call does not return."""

import json
import urllib.error
import urllib.request

from tests.support import networks
from tests.support.program import Running
from tests.support.redis_server import until

CONFIG = """
name: hung
sources: [{{id: lobby, uri: "demo:"}}]
stages: {{classify: {{model: "{model}"}}}}
history: {{url: "sqlite://"}}
api: {{port: 0}}
stall_exit_s: 10
"""


def _readyz(url: str) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_hung_model_is_told_within_ten_seconds_and_ends_the_process_with_its_cause(tmp_path):
    model = networks.hanging_classifier(tmp_path / "hangs.onnx", above=0.2)
    networks.with_card(model, networks.emotion_card(model))
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG.format(model=model))
    with Running(tmp_path / "log", "run", config) as program:
        until(program._find_url, 90)
        until(lambda: program.get("/api/v1/status")["channels"]["chips"]["taken"] > 0, 60)
        until(lambda: _readyz(program.url)[0] == 503, 60)
        code, told = _readyz(program.url)
        assert (code, told["status"], told["stage"]) == (503, "not ready", "classify")
        assert program.get("/healthz") == '{"status":"ok"}'
        [stuck] = program.get("/api/v1/status")["stuck"]
        assert stuck["stage"] == "classify"
        assert 'moodline_stage_stuck_seconds{stage="classify"}' in program.get("/metrics")
        assert program.process.wait(60) == 1
    text = program.text()
    assert text.count("stage classify hangs: its call has not returned for 8 s") == 1
    assert "moodline: stage 'classify' hangs: its call has not returned for 10 s (stall_exit_s)" in text
    assert "Traceback" not in text
