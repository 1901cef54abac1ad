"""The running program keeps its secrets, and does not open where it should not."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.program import Running, moodline
from tests.support.redis_server import until

CANARY = "S3cr@t/#?:%"
TOKEN = "t0ken-c4nary-53731"
CONFIG = """
name: canary
sources:
  - {id: lobby, uri: "demo:"}
  - {id: raw, uri: "${RAW}", open_timeout_s: 1}
  - {id: quoted, uri: "${QUOTED}", open_timeout_s: 1}
  - {id: asked, uri: "${ASKED}", open_timeout_s: 1}
stages: {detect: {model: haar, every_s: 0.5}}
bus: {url: "${BUS}"}
history: {url: "sqlite:///canary.db"}
api:
  port: 0
  tokens: [{token: "${TOKEN}", scopes: [read, operate]}]
  sources: {enabled: true, schemes: [rtsp, http], hosts: [127.0.0.1]}
"""
SECRETS = {
    "RAW": f"rtsp://admin:{quote(CANARY, safe='@:')}@127.0.0.1:9/live",  # more of it raw is refused at the start
    "QUOTED": f"rtsp://admin:{quote(CANARY, safe='')}@127.0.0.1:9/live",
    "ASKED": f"http://127.0.0.1:9/video?user=admin&password={quote(CANARY, safe='')}",
    "BUS": f"redis://:{quote(CANARY, safe='')}@127.0.0.1:9/0",
    "TOKEN": TOKEN,
}
PATHS = (
    "/api/v1/status", "/api/v1/sources", "/api/v1/tracks", "/api/v1/events?limit=1000", "/api/v1/stats/emotions",
    "/metrics", "/openapi.json", "/docs", "/", "/nowhere", "/api/v1/events?limit=0", "/api/v1/tracks/nobody",
)  # fmt: skip


ADDED = {
    "quoted": f"rtsp://admin:{quote(CANARY, safe='')}@127.0.0.1:9/live",
    "asked": f"http://127.0.0.1:9/video?user=admin&password={quote(CANARY, safe='')}",
    "raw": f"rtsp://admin:{CANARY}@127.0.0.1:9/live",  # refused
    "elsewhere": f"rtsp://admin:{quote(CANARY, safe='')}@10.0.0.7/live",  # refused
}


def ask(url: str, token: str | None, method: str = "GET", body: object = None) -> str:
    """What `url` answers, headers and all."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    if data:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return f"{answer.status} {answer.headers}{answer.read().decode()}"
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {error.headers}{error.read().decode()}"


def added(program: Running) -> dict[str, str]:
    """What is answered to cameras that are added, looked at, changed, and never reached."""
    path = f"{program.url}/api/v1/sources"
    told = {f"add {name}": ask(path, TOKEN, "POST", {"id": f"added-{name}", "uri": uri}) for name, uri in ADDED.items()}
    assert [text[:4] for text in told.values()] == ["201 ", "201 ", "422 ", "422 "], told
    until(lambda: '"state":"offline"' in ask(f"{path}/added-quoted", TOKEN), 40)
    for name in ("quoted", "asked"):
        told[f"look at {name}"] = ask(f"{path}/added-{name}", TOKEN)
        told[f"change {name}"] = ask(f"{path}/added-{name}", TOKEN, "PATCH", {"fps": 1})
        told[f"pause {name}"] = ask(f"{path}/added-{name}", TOKEN, "PATCH", {"paused": True})
        told[f"add {name} again"] = ask(path, TOKEN, "POST", {"id": f"added-{name}", "uri": ADDED[name]})
        told[f"add {name} wrongly"] = ask(path, TOKEN, "POST", {"id": ADDED[name], "fps": ADDED[name], ADDED[name]: 1})
    return told


def test_no_secret_gets_out_by_any_door(tmp_path: Path) -> None:
    path = tmp_path / "canary.yaml"
    path.write_text(CONFIG)
    with Running(tmp_path / "log", "--debug", "run", path, cwd=tmp_path, **SECRETS) as program:
        program.wait_ready()
        until(lambda: '"offline"' in ask(f"{program.url}/api/v1/events?type=status", TOKEN), 40)
        told = added(program)
        told |= {path: ask(program.url + path, TOKEN) for path in PATHS}
        # What is stored with its password is overwritten when it is removed.
        for name in ("quoted", "asked"):
            assert ask(f"{program.url}/api/v1/sources/added-{name}", TOKEN, "DELETE").startswith("204 ")
        told["without a token"] = ask(f"{program.url}/api/v1/status", None)
        told["with a wrong one"] = ask(f"{program.url}/api/v1/status", "wrong")
        told["command line"] = Path(f"/proc/{program.process.pid}/cmdline").read_text()
        assert program.end() == 0, program.text()
        told["log"] = program.text()
    told["database"] = "".join(file.read_bytes().decode("latin-1") for file in tmp_path.glob("canary.db*"))
    told["check"] = moodline("check", path, cwd=tmp_path, **SECRETS).stdout
    assert json.loads(told["/api/v1/sources"].split("\n\n", 1)[1])["items"][1]["state"] == "offline"
    for where, text in told.items():
        for secret in (CANARY, quote(CANARY, safe=""), "S3cr", TOKEN):
            assert secret not in text, where
    for where in ("without a token", "with a wrong one"):
        assert told[where].startswith("401 ")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_it_does_not_start_on_another_address_without_a_token(tmp_path: Path, host: str) -> None:
    path = tmp_path / "open.yaml"
    path.write_text(f'name: open\nsources: [{{id: a, uri: "demo:"}}]\napi: {{host: "{host}"}}\n')
    done = moodline("run", path, cwd=tmp_path)
    assert done.returncode == 2 and "set token, or host: 127.0.0.1" in done.stderr
