"""Looking for a camera: a TCP connection and nothing more."""

import socket

import pytest

from engine.sources.config import SourceConfig
from engine.sources.reach import answers
from engine.sources.rules import ApiSourcesConfig, SourceRules


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def source(uri):
    return SourceConfig(id="door", uri=uri)


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https"])
def test_a_port_that_accepts_answers_and_a_closed_one_does_not(listener, scheme):
    config = source(f"{scheme}://user:p%40ss@127.0.0.1:{listener.getsockname()[1]}/cam?x=1")
    assert answers(config)
    listener.close()
    assert not answers(config)


@pytest.mark.parametrize("uri", ["webcam:0", "demo:", "clip.mp4"])
def test_what_is_not_on_the_network_is_just_opened(uri):
    assert answers(source(uri))


def test_behind_a_proxy_a_host_cannot_be_looked_for(listener, monkeypatch):
    config = source(f"http://127.0.0.1:{listener.getsockname()[1]}/cam")
    listener.close()
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert answers(config)


def test_an_unknown_name_does_not_answer():
    assert not answers(source("rtsp://no-such-camera.invalid/1"))


def test_a_source_added_over_http_is_looked_for_only_where_it_is_allowed(listener):
    config = source(f"rtsp://127.0.0.1:{listener.getsockname()[1]}/cam")
    listener.settimeout(10)
    assert SourceRules(ApiSourcesConfig(hosts=("127.0.0.1",))).opener().answers(config)
    listener.accept()[0].close()
    assert not SourceRules(ApiSourcesConfig()).opener().answers(config)
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()
