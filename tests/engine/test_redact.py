import logging
import urllib.parse

import pytest

from engine.redact import RedactFilter, redact

CANARY = "S3cr@t/#?:%"
QUOTED = urllib.parse.quote(CANARY, safe="")

CASES = [
    # text, what remains
    ("rtsp://admin:pw@cam/1", "rtsp://***@cam/1"),
    ("RTSPS://admin:pw@cam:322/1?x=1", "RTSPS://***@cam:322/1?x=1"),
    ("rtsp://token@cam/1", "rtsp://***@cam/1"),  # user alone: often a key
    ("redis://:pw@localhost:6379/0", "redis://***@localhost:6379/0"),
    ("postgresql+psycopg://u:pw@db/x", "postgresql+psycopg://***@db/x"),
    ("rtsp://admin:p'w@cam/1", "rtsp://***@cam/1"),  # a quote in the password
    ("rtsp://admin:1/2@cam/1", "rtsp://***@cam/1"),  # looks like a port and a path
    ("'rtsp://a:b@cam', then x@y", "'rtsp://***@cam', then x@y"),
    ('{"u":"rtsp://a:b@cam","m":"x@y"}', '{"u":"rtsp://***@cam","m":"x@y"}'),
    ("http://cam/v?user=a&password=b&ch=1", "http://cam/v?user=***&password=***&ch=1"),
    ("http://cam:80/v?PWD=x@y&ch=1", "http://cam:80/v?PWD=***&ch=1"),
    ("http://cam/v?access_token=abc", "http://cam/v?access_token=***"),
    # nothing to hide
    ("http://cam/photo@2x.jpg", "http://cam/photo@2x.jpg"),
    ("rtsp://cam:554/stream?channel=1", "rtsp://cam:554/stream?channel=1"),
    ("mail to someone@example.org: done", "mail to someone@example.org: done"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_addresses_lose_their_credentials_and_nothing_else(text, expected):
    assert redact(text) == expected
    assert redact(expected) == expected


@pytest.mark.parametrize("secret", [CANARY, QUOTED])
@pytest.mark.parametrize(
    "template",
    [
        "rtsp://admin:{}@10.0.0.7:554/cam",
        "cannot open 'rtsp://admin:{}@10.0.0.7/cam' (401)",
        "http://10.0.0.7/video?user=admin&password={}",
        "http://10.0.0.7:8080/video?user=admin&password={}&channel=1",
        "http://10.0.0.7/video?token={} failed",
        "redis://:{}@localhost:6379/0",
    ],
)
def test_no_part_of_a_password_survives(template, secret):
    shown = redact(template.format(secret))
    assert not any(part in shown for part in ("S3cr", "t/#", "#?:", "%23", "%25"))
    assert "10.0.0.7" in shown or "localhost" in shown


def test_the_filter_redacts_message_arguments_and_traceback(capsys):
    handler = logging.StreamHandler()
    handler.addFilter(RedactFilter())
    logger = logging.getLogger("test_redact")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        raise OSError(f"rtsp://u:{CANARY}@cam/1 failed")
    except OSError:
        logger.exception("lost %s after %d s", f"rtsp://u:{CANARY}@cam/1", 3)
    logger.removeHandler(handler)
    text = capsys.readouterr().err
    assert "lost rtsp://***@cam/1 after 3 s" in text
    assert "OSError: rtsp://***@cam/1 failed" in text
    assert "S3cr" not in text
