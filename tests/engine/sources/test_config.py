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


@pytest.mark.parametrize(
    ("uri", "stored"),
    [
        ("rtsp://admin:S3 cret@cam/1", "rtsp://admin:S3%20cret@cam/1"),
        ('rtsp://admin:<S3">@cam/1', "rtsp://admin:%3CS3%22%3E@cam/1"),
        ("http://cam/my cam?name=a b", "http://cam/my%20cam?name=a%20b"),
        ("rtsp://admin:S3%20c@ret@cam/1", "rtsp://admin:S3%20c@ret@cam/1"),
        ("front door.mp4", "front door.mp4"),
    ],
)
def test_blanks_and_quotes_in_a_network_address_are_encoded(uri, stored):
    assert SourceConfig(id="a", uri=uri).uri == stored


@pytest.mark.parametrize("letter", "/#?")
@pytest.mark.parametrize("login", ["admin:S3{}cret", "admin:12{}34", "S3{}cret", "adm{}in:S3cret", "a:p@ss{}word"])
@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_an_unencoded_login_gets_the_advice_to_encode_it(scheme, login, letter):
    with pytest.raises(
        ValidationError, match=r"write @ : / . # % in a user or password as %40 %3A %2F %3F %23"
    ) as caught:
        SourceConfig(id="a", uri=f"{scheme}://{login.format(letter)}@10.0.0.7:554/1")
    assert "S3" not in str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize("uri", ["http://cam/photo@2x.jpg", "http://cam:80/@name/live", "rtsp://u:p@cam/1?mail=a@b"])
def test_an_at_sign_that_ends_no_login_may_stand(uri):
    assert SourceConfig(id="a", uri=uri).uri == uri
