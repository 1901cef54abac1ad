import pytest
from pydantic import ValidationError

from engine.sources.config import SourceConfig, kind_of
from engine.sources.reader import is_lossless

KINDS = [
    ("rtsp://cam/1", "rtsp"),
    ("RTSPS://u:p@cam:322/1", "rtsp"),
    ("http://cam/live.m3u8", "http"),
    ("https://cam/x", "http"),
    ("webcam:0", "webcam"),
    ("demo:", "demo"),
    ("file:///tmp/a.mp4", "file"),
    ("clip.mp4", "file"),
    ("/tmp/10:30.mp4", "file"),
    ("./a:b.mp4", "file"),
    ("10:30.mp4", "file"),  # no scheme begins with a digit
    ("a,b.mp4", "file"),
]
REFUSED = [
    "concat:a.ts|b.ts",
    "subfile,,start,0,end,9,,:/etc/passwd",
    "tcp://host:1",
    "udp://239.0.0.1:1",
    "data:text/plain,x",
    "pipe:0",
    "async:http://x",
    "gopher://x",
    "rtsp:/cam",  # one slash
    "rtsp://",  # no host
    "http:///etc/passwd",
    "webcam:",
    "webcam:-1",
    "webcam:/dev/video0",
    "demo:frames=5",
    "file://host/share",  # another machine's file
    "file:relative.mp4",
    "rtsp://cam/1\nhttp://cam",
    "clip\x00.mp4",
    "",
]


@pytest.mark.parametrize(("uri", "kind"), KINDS)
def test_what_may_be_opened(uri, kind):
    config = SourceConfig(id="a", uri=uri)
    assert config.kind == kind
    assert is_lossless(config) == (kind == "file")


@pytest.mark.parametrize("uri", REFUSED)
def test_everything_else_is_refused_at_the_door(uri):
    with pytest.raises(ValidationError):
        SourceConfig(id="a", uri=uri)


def test_the_refusal_names_the_way_out():
    with pytest.raises(ValueError, match=r"'concat' is no kind of source; use rtsp://.*webcam:0"):
        kind_of("concat:a|b")


@pytest.mark.parametrize("uri", ["rtsp:/u:S3cret@cam", "admin:S3cret@cam/1", "u:S3cret@cam"])
def test_the_refusal_does_not_repeat_the_address(uri):
    with pytest.raises(ValidationError) as caught:
        SourceConfig(id="a", uri=uri)
    (problem,) = caught.value.errors()
    assert "S3cret" not in problem["msg"]


@pytest.mark.parametrize(
    "setting", [{"fps": 0}, {"fps": -1}, {"read_timeout_s": 0}, {"transport": "http"}, {"frames": 1}]
)
def test_settings_are_checked(setting):
    with pytest.raises(ValidationError):
        SourceConfig(id="a", uri="demo:", **setting)


def test_repr_and_the_shown_address_hold_no_credentials():
    config = SourceConfig(id="a", uri="rtsp://admin:S3cret@cam/1?token=T0ken")
    assert config.shown == "rtsp://***@cam/1?token=***"
    assert "S3cret" not in repr(config) + str(config) + f"{[config]}"
    assert "T0ken" not in repr(config)
