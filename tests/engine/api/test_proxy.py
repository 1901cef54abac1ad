"""Page and API below a proxy's path: as the engine sees it, and through a real nginx set up as docs/proxy.md says."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from engine.api import ApiConfig, ApiServer, Bell, create_app
from engine.history import History
from pipelines.config import parse
from tests.support.documents import event
from tests.support.redis_many import free_ports
from tests.support.redis_server import until
from tests.support.run_status import FixedView

ROOT = "/moodline"
DOC = (Path(__file__).parents[3] / "docs" / "proxy.md").read_text(encoding="utf-8")


@pytest.fixture
def engine(history: History) -> Iterator[ApiServer]:
    config, bell = ApiConfig(port=0, root_path=ROOT), Bell()
    running = ApiServer(create_app(FixedView(), history, config, "0.1.0", bell=bell), config)
    running.start()
    yield running
    bell.close()
    running.stop()


@pytest.mark.parametrize("before", ["", ROOT])
@pytest.mark.parametrize(
    "path", ["/", "/api/v1/status", "/healthz", "/docs", "/openapi.json", "/api/v1/events?limit=1"]
)
def test_it_answers_with_its_path_and_without(engine: ApiServer, before: str, path: str) -> None:
    assert httpx.get(f"{engine.url}{before}{path}", timeout=30).status_code == 200


@pytest.mark.parametrize(
    "path", ["/moodlinex/healthz", "/moodline/moodline/healthz", "//moodline/healthz", "/Moodline/"]
)
def test_what_only_looks_like_its_path_is_not(engine: ApiServer, path: str) -> None:
    assert httpx.get(f"{engine.url}{path}", timeout=30).status_code == 404


def test_its_path_without_a_slash_leads_to_the_page(engine: ApiServer) -> None:
    answer = httpx.get(f"{engine.url}{ROOT}", timeout=30)
    assert (answer.status_code, answer.headers["location"]) == (308, f"{ROOT}/")


def test_without_a_path_of_its_own_nothing_is_taken_off(history: History) -> None:
    config = ApiConfig(port=0)
    running = ApiServer(create_app(FixedView(), history, config, "0.1.0"), config)
    running.start()
    assert httpx.get(f"{running.url}{ROOT}/healthz", timeout=30).status_code == 404
    running.stop()


def addresses(page: str) -> list[str]:
    return re.findall(r'(?:href|src)="([^"#]+)"', page)


@pytest.mark.parametrize("page", ["/", "/docs", "/report.html"])
def test_no_page_names_an_address_from_the_root(engine: ApiServer, page: str) -> None:
    text = httpx.get(f"{engine.url}{ROOT}{page}", timeout=30).text
    found = addresses(text)
    assert found and not [one for one in found if one.startswith("/")]
    for one in found:
        assert httpx.get(f"{engine.url}{ROOT}/{one}", timeout=30).status_code == 200


def test_clients_are_told_where_it_is(engine: ApiServer) -> None:
    assert httpx.get(f"{engine.url}/openapi.json", timeout=30).json()["servers"] == [{"url": ROOT}]


@pytest.mark.parametrize("path", ["moodline", "/moodline/", "/a b", "/../x/", "//", "/x?y", "/x#y", "/é"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(Exception, match=r"api\.root_path"):
        parse(f"name: x\nsources: [{{id: a, uri: 'demo:'}}]\napi: {{root_path: '{path}'}}\n")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)


@pytest.fixture
def proxy(engine: ApiServer, tmp_path: Path) -> Iterator[str]:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light (make system)")
    location, once = blocks("nginx")
    [port] = free_ports(1)
    folders = "\n".join(f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy"))
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error;\nevents {{}}\n"
        f"http {{ access_log off; {folders}\n{once}\nserver {{ listen 127.0.0.1:{port};\n"
        f"{location.replace('http://127.0.0.1:8080', engine.url)} }} }}\n"
    )
    process = subprocess.Popen([nginx, "-c", config, "-p", tmp_path, "-e", tmp_path / "error"])
    try:
        until(lambda: _answers(f"http://127.0.0.1:{port}/"), 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        httpx.get(url, timeout=5)
    except httpx.HTTPError:
        return False
    return True


def test_page_and_api_work_through_nginx(proxy: str, history: History) -> None:
    with httpx.Client(timeout=30, follow_redirects=True) as client:
        page = client.get(f"{proxy}{ROOT}")
        assert (page.status_code, str(page.url)) == (200, f"{proxy}{ROOT}/")
        for one in addresses(page.text):
            assert client.get(f"{proxy}{ROOT}/{one}").status_code == 200
        assert client.get(f"{proxy}{ROOT}/api/v1/status").json()["name"] == "lobby"
        ours, theirs = {"Origin": proxy}, {"Origin": "http://evil.example"}
        assert client.get(f"{proxy}{ROOT}/api/v1/status", headers=ours).status_code == 200
        assert client.get(f"{proxy}{ROOT}/api/v1/status", headers=theirs).status_code == 403
        history.append([event(1)])
        url = f"{proxy}{ROOT}/api/v1/events/stream"
        with client.stream("GET", url, headers={"Last-Event-ID": "0"}) as stream:
            assert next(line for line in stream.iter_lines() if line.startswith("event:")) == "event: new"
