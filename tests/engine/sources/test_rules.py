"""What may be added while the engine runs: at the door, and at every connect."""

import socket
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from engine.errors import Cause, ConfigError, SourceError
from engine.sources.config import SourceConfig
from engine.sources.rules import NO_ANSWER, NOT_REACHED, UNKNOWN_NAME, ApiSourcesConfig, SourceRules
from tests.support.clips import Clips
from tests.support.rtsp import RtspCamera

LOOPBACK = {"cam.test": ("127.0.0.1",), "127.0.0.1": ("127.0.0.1",)}


def rules(names: dict[str, tuple[str, ...]] | None = None, **settings: Any) -> SourceRules:
    """Rules whose resolver knows `names`, and addresses."""

    def resolve(host: str) -> Any:
        known = names if names is not None else LOOPBACK
        return tuple(ip_address(one) for one in known.get(host, (host,) if host[0].isdigit() else ()))

    return SourceRules(ApiSourcesConfig(enabled=True, **settings), resolve, own=lambda _address: False)


def source(uri: str, **more: Any) -> SourceConfig:
    return SourceConfig(id="a", uri=uri, **{"open_timeout_s": 2.0, "read_timeout_s": 2.0, **more})


def refusal(found: SourceRules, uri: str) -> str:
    with pytest.raises(ConfigError) as caught:
        found.check(source(uri))
    return str(caught.value)


def test_schemes_are_rtsp_unless_told_otherwise() -> None:
    usual = rules({"cam": ("10.0.0.7",)})
    usual.check(source("rtsp://cam/x"))
    usual.check(source("RTSPS://cam/x"))
    for uri in ("http://cam/", "https://cam/", "webcam:0", "demo:", "file:///etc/passwd", "/etc/passwd", "a.mp4"):
        assert "is not allowed here; api.sources.schemes has rtsp, rtsps" in refusal(usual, uri)
    rules({"cam": ("10.0.0.7",)}, schemes=("webcam", "demo", "https")).check(source("webcam:0"))


@pytest.mark.parametrize("settings", [{}, {"schemes": ("rtsp", "rtsps", "file")}])
def test_an_address_without_its_beginning_is_told_how_to_begin(settings: dict[str, Any]) -> None:
    found = rules(**settings)
    for uri in ("garbage", "10.0.0.7/live", "10.0.0.7:554/live"):
        assert refusal(found, uri).startswith("uri: begin it with rtsp:// or rtsps://; ")
    assert "begin it" not in refusal(found, "file:///etc/passwd")
    assert refusal(rules(schemes=("demo",)), "garbage").startswith("uri: begin it with demo:; ")


@pytest.mark.parametrize("host", ["nobody", "127.0.0.1", "turned", "10.9.9.9"])
def test_unknown_and_forbidden_hosts_are_refused_in_the_same_words(host: str) -> None:
    found = rules({"turned": ("10.0.0.7", "169.254.169.254")}, hosts=("10.0.0.0/16", "turned"))
    assert refusal(found, f"rtsp://u:hunter2@{host}/x") == f"uri: {NOT_REACHED}"


@pytest.mark.parametrize(
    "settings", [{"schemes": ()}, {"schemes": ("concat",)}, {"hosts": ("10.0.0.7/8",)}, {"max": 0}, {"files": ""}]
)
def test_rules_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ApiSourcesConfig(**settings)


@pytest.fixture
def media(tmp_path: Path, clips: Clips) -> Path:
    folder = tmp_path / "media"
    (folder / "sub").mkdir(parents=True)
    (folder / "clip.mp4").write_bytes(Path(clips["camera.h264"]).read_bytes())
    (tmp_path / "outside.mp4").write_bytes(b"x")
    (folder / "link.mp4").symlink_to(tmp_path / "outside.mp4")
    (folder / "inner.mp4").symlink_to(folder / "clip.mp4")
    (folder / "loop.mp4").symlink_to(folder / "loop.mp4")
    return folder


@pytest.mark.parametrize(
    "uri",
    ["../outside.mp4", "sub/../../outside.mp4", "link.mp4", "loop.mp4", "sub", ".", "/etc/passwd", "nothing.mp4",
     "file:///etc/passwd", "file:///%2e%2e/etc/passwd", "/dev/zero", "/proc/self/environ", "~/.ssh/id_rsa", "~root/x",
     "sub\\..\\x", "a" * 5000],
)  # fmt: skip
def test_files_come_from_their_folder_alone_and_all_others_are_refused_alike(media: Path, uri: str) -> None:
    found = rules(schemes=("file",), files=str(media))
    assert refusal(found, uri) == "uri: no such file in the folder that api.sources.files names"


def test_a_file_of_the_folder_is_read(media: Path) -> None:
    found = rules(schemes=("file",), files=str(media))
    for uri in ("clip.mp4", "inner.mp4", f"file://{media}/clip.mp4", str(media / "clip.mp4")):
        found.check(source(uri))
        with closing(found.opener()(source(uri))) as reader:
            assert reader.read() is not None
    assert "api.sources.files names no folder" in refusal(rules(schemes=("file",)), "clip.mp4")


def test_a_link_that_is_turned_later_is_not_followed(media: Path, tmp_path: Path) -> None:
    found = rules(schemes=("file",), files=str(media))
    found.check(source("inner.mp4"))
    (media / "inner.mp4").unlink()
    (media / "inner.mp4").symlink_to(tmp_path / "outside.mp4")
    with pytest.raises(SourceError, match="not reached"):
        found.opener()(source("inner.mp4"))


def test_a_camera_is_connected_to_at_the_address_that_was_checked(camera: RtspCamera) -> None:
    opener = rules(hosts=("127.0.0.1",)).opener()
    with closing(opener(source(f"rtsp://cam.test:{camera.port}/cam"))) as reader:
        assert reader.read() is not None


def test_a_name_that_is_turned_to_this_machine_later_is_not_followed(camera: RtspCamera) -> None:
    names = {"cam.test": ("10.0.0.7",)}
    found = rules(names)
    config = source(f"rtsp://cam.test:{camera.port}/cam")
    found.check(config)
    names["cam.test"] = ("127.0.0.1",)
    with pytest.raises(SourceError, match="not reached") as caught:
        found.opener()(config)
    assert caught.value.cause is Cause.REFUSED and camera.opened == 0


def test_passwords_reach_the_camera_and_a_wrong_one_is_told(camera: RtspCamera) -> None:
    camera.login = ("admin", "S3cr@t/#?:%")
    opener = rules(hosts=("127.0.0.1",)).opener()
    with closing(opener(source(f"rtsp://admin:S3cr%40t%2F%23%3F%3A%25@cam.test:{camera.port}/cam"))) as reader:
        assert reader.read() is not None
    with pytest.raises(SourceError) as caught:
        opener(source(f"rtsp://admin:hunter2@cam.test:{camera.port}/cam"))
    assert caught.value.cause is Cause.AUTH and "hunter2" not in str(caught.value)


@pytest.fixture
def ports() -> Iterator[dict[str, int]]:
    """One that is closed, one that says nothing, one of another service."""
    with socket.socket() as closed, socket.create_server(("127.0.0.1", 0)) as silent:
        closed.bind(("127.0.0.1", 0))
        yield {"closed": closed.getsockname()[1], "silent": silent.getsockname()[1]}


def test_closed_silent_forbidden_and_unknown_sound_alike(ports: dict[str, int], camera: RtspCamera, web: str) -> None:
    opener = rules({**LOOPBACK, "bad": ("127.0.0.2",)}, hosts=("127.0.0.1",), schemes=("rtsp", "http")).opener()
    texts = set()
    web_port = int(web.rpartition(":")[2])
    for scheme, places in (
        ("rtsp", (("cam.test", ports["closed"]), ("cam.test", ports["silent"]), ("cam.test", web_port))),
        ("http", (("cam.test", ports["closed"]), ("cam.test", ports["silent"]), ("cam.test", camera.port))),
        ("rtsp", (("bad", 554), ("nobody", 554), ("127.0.0.3", 554))),
        ("http", (("cam.test", web_port),)),  # there is a server, and nothing at that path
    ):
        for host, port in places:
            uri = f"{scheme}://u:hunter2@{host}:{port}/nothing"
            with pytest.raises(SourceError) as caught:
                opener(source(uri, open_timeout_s=0.4))
            texts.add((caught.value.cause, str(caught.value).removeprefix(f"{scheme}://***@{host}:{port}/nothing: ")))
    assert len(texts) == 1, texts


def test_of_a_host_that_is_listed_itself_each_cause_is_told(
    ports: dict[str, int], camera: RtspCamera, web: str, clips: Clips
) -> None:
    """Who lists a host by name or address lets those who add sources learn about it; a network lists nobody."""
    (clips.folder / "page.html").write_text("<!doctype html><p>Not a camera.</p>")
    cases = (
        (f"rtsp://127.0.0.1:{ports['closed']}/x", Cause.REFUSED, "connection refused"),
        (f"rtsp://127.0.0.1:{ports['silent']}/x", Cause.TIMEOUT, "no answer in"),
        (f"rtsp://127.0.0.1:{web.rpartition(':')[2]}/x", Cause.REFUSED, "no RTSP answer; it is another service"),
        (f"http://127.0.0.1:{ports['closed']}/x", Cause.REFUSED, "connection refused"),
        (f"{web}/nothing", Cause.NOT_FOUND, "check the path"),
        (f"{web}/page.html", Cause.CODEC, "not a video"),
    )
    listed = rules(hosts=("127.0.0.1", "cam.test"), schemes=("rtsp", "http"))
    network = rules(hosts=("127.0.0.0/8",), schemes=("rtsp", "http"))
    for uri, cause, says in cases:
        for named in (uri, uri.replace("127.0.0.1", "cam.test")):
            config = source(named, open_timeout_s=0.6)
            with pytest.raises(SourceError) as caught:
                listed.opener()(config)
            assert (caught.value.cause, says in str(caught.value)) == (cause, True), (named, str(caught.value))
            with pytest.raises(SourceError) as caught:
                network.opener()(config)
            assert (caught.value.cause, str(caught.value)) == (Cause.REFUSED, f"{named}: {NO_ANSWER}")


def test_of_a_listed_name_it_is_told_that_nobody_has_it() -> None:
    names = {"gate.lan": ("10.0.0.7",)}
    found = rules(names, hosts=("gate.lan", "10.0.0.0/8"))
    names.clear()
    config = source("rtsp://gate.lan/x")
    assert refusal(found, config.uri) == f"uri: {UNKNOWN_NAME}"
    with pytest.raises(SourceError, match="no address is known for this name"):
        found.opener()(config)
    assert refusal(found, "rtsp://other.lan/x") == f"uri: {NOT_REACHED}"


def test_a_stream_over_http_is_asked_for_by_its_name(web: str) -> None:
    found = rules(hosts=("127.0.0.1",), schemes=("http",))
    with closing(found.opener()(source(web.replace("127.0.0.1", "cam.test") + "/live.mjpeg"))) as reader:
        assert reader.read() is not None


def test_over_http_neither_redirects_nor_playlists_lead_elsewhere(web: str, clips: Clips) -> None:
    (clips.folder / "elsewhere.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{web}/camera.h264\n#EXT-X-ENDLIST\n"
    )
    opener = rules(hosts=("127.0.0.1",), schemes=("http",)).opener()
    for path in ("moved", "elsewhere.m3u8"):
        with pytest.raises(SourceError) as caught:
            opener(source(f"{web}/{path}"))
        assert caught.value.cause in (Cause.REFUSED, Cause.CODEC)


def test_the_addresses_of_a_name_are_tried_in_turn(camera: RtspCamera) -> None:
    names = {"cam.test": ("127.0.0.9", "127.0.0.1")}
    opener = rules(names, hosts=("127.0.0.0/8",)).opener()
    config = source(f"rtsp://cam.test:{camera.port}/cam")
    with pytest.raises(SourceError):
        opener(config)
    with closing(opener(config)) as reader:
        assert reader.read() is not None
