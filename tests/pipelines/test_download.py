"""Fetching a promised file over real connections that break, lie and stall."""

import fcntl
import hashlib
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import DownloadError
from pipelines.download import TRIES, fetch
from pipelines.remote import CHUNK, Promise
from tests.support.mirror import Mirror, mirror

CONTENT = np.random.default_rng(1).bytes(30 * CHUNK + 777)
OTHER = np.random.default_rng(2).bytes(len(CONTENT))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def page() -> Iterator[Mirror]:
    with mirror() as running:
        running.files["net"] = CONTENT
        yield running


def promise(url: str, content: bytes = CONTENT) -> Promise:
    return Promise("net", url, len(content), hashlib.sha256(content).hexdigest())


def names(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir())


def refused(wanted: Promise, folder: Path, match: str, timeout_s: float = 30.0) -> None:
    """The fetch fails with one line that says `match`."""
    with pytest.raises(DownloadError, match=match) as caught:
        fetch(wanted, folder, lambda _: None, timeout_s)
    assert "\n" not in str(caught.value)


def test_a_file_arrives_whole_and_alone(page: Mirror, tmp_path: Path):
    said: list[str] = []
    path = fetch(promise(page.url("net")), tmp_path / "new" / "folder", said.append)
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == [".whole"] and said == []


def test_what_is_there_is_not_asked_for_again(page: Mirror, tmp_path: Path):
    for _ in range(2):
        fetch(promise(page.url("net")), tmp_path, lambda _: None)
    assert len(page.asked) == 1


def test_a_cut_connection_goes_on_where_it_stopped(page: Mirror, tmp_path: Path):
    page.cuts = [2 * CHUNK + 5, 3 * CHUNK]  # what is less than a chunk is lost
    assert fetch(promise(page.url("net")), tmp_path, lambda _: None).read_bytes() == CONTENT
    assert [asked.offset for asked in page.asked] == [0, 2 * CHUNK, 5 * CHUNK]
    assert {asked.if_range for asked in page.asked[1:]} == {f'"{hashlib.sha256(CONTENT).hexdigest()}"'}


def test_a_pull_that_gave_up_is_taken_up_by_the_next_one(page: Mirror, tmp_path: Path):
    page.cuts = [CHUNK] * TRIES
    refused(
        promise(page.url("net")), tmp_path, r"stopped at 0.1 MB of 0.5 MB \(the connection broke\).*next pull goes on"
    )
    assert names(tmp_path) == [".json", ".part"]
    said: list[str] = []
    assert fetch(promise(page.url("net")), tmp_path, said.append).read_bytes() == CONTENT
    assert said == ["net: goes on at 0.1 MB of 0.5 MB"]
    assert page.asked[-1].offset == TRIES * CHUNK
    assert names(tmp_path) == [".whole"]


def test_a_server_that_brings_nothing_is_not_asked_for_ever(page: Mirror, tmp_path: Path):
    page.cuts = [0] * 50
    refused(promise(page.url("net")), tmp_path, "stopped at 0 bytes of 0.5 MB")
    assert len(page.asked) == 1 and names(tmp_path) == []


def test_a_server_that_ignores_ranges_starts_anew(page: Mirror, tmp_path: Path):
    page.ranges, page.cuts = False, [CHUNK]
    said: list[str] = []
    assert fetch(promise(page.url("net")), tmp_path, said.append).read_bytes() == CONTENT
    assert said == ["net: 127.0.0.1 does not go on there; it starts anew"]


@pytest.mark.parametrize("tag", ["strong", "date"])
def test_a_file_that_changed_meanwhile_comes_anew(page: Mirror, tmp_path: Path, tag: str):
    page.tag, page.files["net"], page.cuts = tag, OTHER, [CHUNK, 0]
    refused(promise(page.url("net")), tmp_path, "stopped at 16.4 kB of 0.5 MB")
    page.files["net"] = CONTENT
    assert fetch(promise(page.url("net")), tmp_path, lambda _: None).read_bytes() == CONTENT
    assert page.asked[-1].offset == CHUNK and page.asked[-1].if_range


def test_a_mix_of_two_versions_comes_anew(page: Mirror, tmp_path: Path):
    page.tag, page.files["net"], page.cuts = "none", OTHER, [CHUNK, 0]
    refused(promise(page.url("net")), tmp_path, "stopped at")
    page.files["net"] = CONTENT
    said: list[str] = []
    assert fetch(promise(page.url("net")), tmp_path, said.append).read_bytes() == CONTENT
    assert said[1:] == ["net: what was put together is not the file promised; it starts anew"]
    assert [asked.offset for asked in page.asked[-2:]] == [CHUNK, 0] and names(tmp_path) == [".whole"]


def test_it_comes_anew_once_only(page: Mirror, tmp_path: Path):
    page.tag, page.files["net"], page.cuts = "none", OTHER, [CHUNK] * 3
    refused(promise(page.url("net")), tmp_path, "is not the file promised: its sha256 is not")
    assert [asked.offset for asked in page.asked] == [0, CHUNK, 2 * CHUNK, 3 * CHUNK, 0]
    assert names(tmp_path) == []


@pytest.mark.parametrize("right", [True, False])
def test_who_was_killed_while_the_hash_was_computed_loses_nothing(page: Mirror, tmp_path: Path, right: bool):
    wanted = promise(page.url("net"))
    (tmp_path / f"{wanted.sha256[:16]}.part").write_bytes(CONTENT if right else OTHER)
    assert fetch(wanted, tmp_path, lambda _: None).read_bytes() == CONTENT
    assert len(page.asked) == (0 if right else 1) and names(tmp_path) == [".whole"]


def test_a_weak_tag_gives_way_to_the_date(page: Mirror, tmp_path: Path):
    page.tag, page.cuts = "weak", [CHUNK]
    fetch(promise(page.url("net")), tmp_path, lambda _: None)
    assert page.asked[1].if_range == "Sun, 22 Nov 2026 10:00:00 GMT"


def test_bytes_of_another_address_go_on_without_its_tag(page: Mirror, tmp_path: Path):
    page.cuts = [CHUNK, 0]
    refused(promise(page.url("net")), tmp_path, "stopped at")
    assert fetch(promise(page.url("elsewhere/net")), tmp_path, lambda _: None).read_bytes() == CONTENT
    assert (page.asked[-1].offset, page.asked[-1].if_range) == (CHUNK, None)


def test_a_tampered_file_is_refused_and_removed(page: Mirror, tmp_path: Path):
    page.files["net"] = OTHER
    refused(promise(page.url("net")), tmp_path, "gave is not the file promised.*nothing installed has changed")
    assert names(tmp_path) == []


@pytest.mark.parametrize("offered", [CONTENT[:-1], CONTENT + b"x"])
def test_a_file_of_another_size_is_refused_before_it_comes(page: Mirror, tmp_path: Path, offered: bytes):
    page.files["net"] = offered
    refused(promise(page.url("net")), tmp_path, f"has a file of {len(offered)} bytes, promised are {len(CONTENT)}")
    assert names(tmp_path) == []


def test_a_file_whose_size_changed_meanwhile_is_refused(page: Mirror, tmp_path: Path):
    page.tag, page.cuts = "none", [CHUNK, 0]
    refused(promise(page.url("net")), tmp_path, "stopped at")
    page.files["net"] = CONTENT + b"x"
    refused(promise(page.url("net")), tmp_path, f"has a file of {len(CONTENT) + 1} bytes")


def test_more_than_promised_is_refused_and_removed(page: Mirror, tmp_path: Path):
    page.files["net"], page.lengths = CONTENT + b"more", False
    refused(promise(page.url("net")), tmp_path, f"gave more than the {len(CONTENT)} bytes promised")
    assert names(tmp_path) == []


def test_a_truncated_file_is_told_and_kept(page: Mirror, tmp_path: Path):
    page.files["net"], page.lengths = CONTENT[:-1], False
    refused(promise(page.url("net")), tmp_path, "stopped at 0.5 MB of 0.5 MB .*what came is kept")
    page.files["net"] = CONTENT
    assert fetch(promise(page.url("net")), tmp_path, lambda _: None).read_bytes() == CONTENT


def test_a_login_page_does_not_become_the_beginning_of_the_file(page: Mirror, tmp_path: Path):
    page.files["net"], page.chunked, page.tag = b"<html>please log in</html>", True, "none"
    refused(promise(page.url("net")), tmp_path, "has a file of 26 bytes, promised are")
    assert names(tmp_path) == []
    page.files["net"] = CONTENT
    assert fetch(promise(page.url("net")), tmp_path, lambda _: None).read_bytes() == CONTENT


@pytest.mark.parametrize("hangs", [False, True])
def test_nor_does_one_that_tells_no_length(page: Mirror, tmp_path: Path, hangs: bool):
    page.files["net"], page.lengths, page.tag = b"<html>please log in</html>" * 4000, False, "none"
    page.cuts, page.stall = [CHUNK + 5] if hangs else [], hangs
    timeout_s = 0.2 if hangs else 30.0
    refused(promise(page.url("net")), tmp_path, r"stopped at .*so nothing is kept: .* log in", timeout_s)
    assert len(page.asked) == 1 and names(tmp_path) == []
    page.files["net"], page.cuts, page.stall = CONTENT, [], False
    said: list[str] = []
    assert fetch(promise(page.url("net")), tmp_path, said.append).read_bytes() == CONTENT
    assert said == []


def test_a_part_longer_than_the_file_starts_anew(page: Mirror, tmp_path: Path):
    page.cuts = [CHUNK, 0]
    refused(promise(page.url("net")), tmp_path, "stopped at")
    page.files["net"] = CONTENT[:100]  # shorter than what has come: answers 416
    page.tag = "none"
    (part,) = tmp_path.glob("*.part")
    part.with_suffix(".json").unlink()
    refused(promise(page.url("net")), tmp_path, "has a file of 100 bytes")
    page.files["net"] = CONTENT
    assert fetch(promise(page.url("net")), tmp_path, lambda _: None).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_a_refusal_is_told_with_its_number(page: Mirror, tmp_path: Path, status: int):
    page.status = status
    refused(promise(page.url("net")), tmp_path, f"127.0.0.1:{page.port}/net answered {status} .*--catalogue")
    assert names(tmp_path) == []


def test_a_server_that_hangs_is_given_up_on_and_what_came_stays(page: Mirror, tmp_path: Path):
    page.cuts, page.stall = [CHUNK, 0], True
    refused(promise(page.url("net")), tmp_path, r"stopped at 16.4 kB of 0.5 MB \(no answer in time", timeout_s=0.2)
    page.cuts, page.stall = [], False
    assert fetch(promise(page.url("net")), tmp_path, lambda _: None).read_bytes() == CONTENT
    assert page.asked[-1].offset == CHUNK


def test_a_server_that_never_answers_is_told(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        wanted = promise(f"http://127.0.0.1:{silent.getsockname()[1]}/net")
        refused(wanted, tmp_path, r"127.0.0.1 cannot be reached \(no answer in time\)", timeout_s=0.2)


def test_no_network_names_the_host_and_the_way_without_one(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    refused(
        promise(f"http://127.0.0.1:{port}/net"),
        tmp_path,
        r"^net: 127.0.0.1 cannot be reached \(Connection refused\). "
        r"Without a network: `moodline models pull net --to DIR`.*MOODLINE_MODELS=DIR$",
    )


def test_an_untrusted_certificate_is_told(page: Mirror, tmp_path: Path):
    wanted = promise(page.url("net").replace("http:", "https:"))
    refused(wanted, tmp_path, "the certificate of 127.0.0.1 is not trusted .*REQUESTS_CA_BUNDLE")


def test_the_proxy_of_the_environment_is_used(page: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", page.url(""))
    assert fetch(promise("http://models.example/net"), tmp_path, lambda _: None).read_bytes() == CONTENT
    assert page.asked[0].path == "http://models.example/net"


def test_a_proxy_that_is_away_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
    refused(
        promise("http://models.example/net"),
        tmp_path,
        r"the proxy on the way to models.example refuses \(Connection refused\); see HTTPS_PROXY",
    )


def test_a_move_is_followed_also_when_going_on(page: Mirror, tmp_path: Path):
    page.moved["latest"], page.cuts = page.url("net"), [CHUNK]
    assert fetch(promise(page.url("latest")), tmp_path, lambda _: None).read_bytes() == CONTENT
    assert [(asked.path, asked.offset) for asked in page.asked[-2:]] == [("/latest", CHUNK), ("/net", CHUNK)]


def test_a_move_in_circles_ends(page: Mirror, tmp_path: Path):
    page.moved["round"] = page.url("round")
    refused(
        promise(page.url("round")), tmp_path, r"sends in circles \(.*30 redirects.*\); correct the url in the catalogue"
    )


def test_credentials_stay_out_of_messages(page: Mirror, tmp_path: Path):
    page.status = 401
    with pytest.raises(DownloadError) as caught:
        fetch(promise(f"http://me:s3cret@127.0.0.1:{page.port}/net?token=t0ken"), tmp_path, lambda _: None)
    assert "s3cret" not in str(caught.value) and "t0ken" not in str(caught.value)


def test_a_mounted_folder_serves_too_and_goes_on(tmp_path: Path):
    source = tmp_path / "my net.onnx"
    source.write_bytes(CONTENT)
    wanted, folder = promise(source.as_uri()), tmp_path / "to"
    folder.mkdir()
    (folder / f"{wanted.sha256[:16]}.part").write_bytes(CONTENT[:1000])
    said: list[str] = []
    assert fetch(wanted, folder, said.append).read_bytes() == CONTENT
    assert said == ["net: goes on at 1.0 kB of 0.5 MB"]
    refused(promise((tmp_path / "nothing").as_uri(), OTHER), folder, "nothing': No such file")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_the_fetch_goes_on_when_there_is_room(page: Mirror, tmp_path: Path):
    with files_of_at_most(CHUNK + 1234):
        refused(promise(page.url("net")), tmp_path, "is full; make room and pull again.*Nothing installed has changed")
    (part,) = tmp_path.glob("*.part")
    assert part.read_bytes() == CONTENT[: CHUNK + 1234]
    assert fetch(promise(page.url("net")), tmp_path, lambda _: None).read_bytes() == CONTENT
    assert page.asked[-1].offset == CHUNK + 1234


def test_what_cannot_fit_is_not_begun(page: Mirror, tmp_path: Path):
    wanted = Promise("net", page.url("net"), 10**18, "0" * 64)
    refused(wanted, tmp_path, "1000000000000.0 MB are still to come and .* has room for .*--to")
    assert page.asked == [] and names(tmp_path) == []


def test_what_cannot_be_unpacked_is_not_begun(page: Mirror, tmp_path: Path):
    with pytest.raises(
        DownloadError, match=r"0.5 MB are still to come, 10+.0 MB are needed to unpack it and .* has room"
    ):
        fetch(promise(page.url("net")), tmp_path, lambda _: None, beside=10**18)
    assert page.asked == [] and names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_one_line(page: Mirror, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    refused(promise(page.url("net")), tmp_path / "file" / "models", "Not a directory|File exists")


def test_two_fetches_of_one_file_do_not_mix(page: Mirror, tmp_path: Path):
    wanted = promise(page.url("net"))
    with (tmp_path / f"{wanted.sha256[:16]}.part").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        refused(wanted, tmp_path, "another pull of it into .* is under way")


@pytest.mark.parametrize("notes", ["", "[]", "{}", '{"url": 1, "validator": {}}', "\x00"])
def test_damaged_notes_do_no_harm(page: Mirror, tmp_path: Path, notes: str):
    page.cuts = [CHUNK, 0]
    refused(promise(page.url("net")), tmp_path, "stopped at")
    (note,) = tmp_path.glob("*.json")
    note.write_text(notes)
    assert fetch(promise(page.url("net")), tmp_path, lambda _: None).read_bytes() == CONTENT


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, 5 * CHUNK), max_size=12),
    ranges=st.lists(st.booleans(), min_size=12, max_size=12),
    tag=st.sampled_from(["strong", "weak", "date", "none"]),
    versions=st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_whatever_breaks_only_the_promised_bytes_ever_come_out(page, tmp_path_factory, cuts, ranges, tag, versions):
    """Pulls until it works, with another server behaviour each time; the last ones are well-behaved."""
    content, other = CONTENT[: 9 * CHUNK], OTHER[: 9 * CHUNK]
    folder = tmp_path_factory.mktemp("pull")
    page.cuts, page.tag = list(cuts), tag
    for ranged, right in zip([*ranges, True, True, True], [*versions, True, True, True], strict=True):
        page.ranges, page.files["net"] = ranged, content if right else other
        try:
            path = fetch(promise(page.url("net"), content), folder, lambda _: None)
        except DownloadError:
            assert not list(folder.glob("*.whole"))
            continue
        assert path.read_bytes() == content
        break
    else:
        pytest.fail("three well-behaved pulls were not enough")
