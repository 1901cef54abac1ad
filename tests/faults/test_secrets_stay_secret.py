"""No way of writing a login brings it into a status, a snapshot or the log, whatever the server answers."""

import logging

import pytest

from engine.history.config import HistoryConfig
from tests.support.capturing import capturing

pytestmark = pytest.mark.timeout(120)
ADDRESSES = [
    "rtsp://admin:S3 cret@{place}/cam",
    "rtsp://admin:S3<cret>@{place}/cam",
    "rtsp://admin:S3@cret@{place}/cam",
    "rtsp://{place}/user=admin_password=S3cret_channel=1_stream=0.sdp",
    "rtsp://{place}/admin:S3cret/cam",
    "rtsp://{place}/cam?sesskey=S3cret&user=admin",
    "http://admin:S3 cret@{place}/cam",
    "http://{place}/cam?S3cret&who=admin",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("fault", ["401", "404", "closed"])
def test_what_a_camera_is_lost_by_holds_no_login(camera, caplog, address, fault):
    camera.login = ("someone", "else") if fault == "401" else None
    camera.status = 404
    if fault == "closed":
        camera.stop()
    place = f"127.0.0.1:{camera.port}"
    with caplog.at_level(logging.DEBUG), capturing(address.format(place=place)) as (outbox, capture):
        outbox.wait_until(lambda box: "offline" in box.states)
        said = f"{outbox.statuses} {capture.snapshot()} {caplog.text}"
    assert not any(part in said for part in ("S3", "cret", "admin"))
    assert place in said


def test_a_database_whose_password_holds_an_at_sign_is_refused_with_advice():
    with pytest.raises(ValueError, match=r"write @ : / . # % in a user or password as %40") as caught:
        HistoryConfig(url="postgresql+psycopg://admin:S3@cret@db/x")
    assert "cret" not in caught.value.errors()[0]["msg"]
