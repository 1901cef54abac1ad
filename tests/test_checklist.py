"""The security checklist, row by row: which test shows what. A row without one says why."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
API = "engine/api/"
HOSTILE, SCOPES, GATES = f"{API}test_hostile.py", f"{API}test_scopes.py", f"{API}test_gates.py"

ROWS = [
    # Reach and identity
    ("loopback unless a token is configured", "e2e/test_security.py", "does_not_start_on_another_address"),
    ("no token, wrong token: one 401", f"{API}test_problems.py", "right_and_wrong_paths_look_the_same"),
    ("guessing ends in 429", HOSTILE, "answered_alike_until_it_is_cut_off"),
    ("scopes", SCOPES, "a_token_is_good_for_its_scopes"),
    ("another Host is refused", GATES, "a_request_for_another_name_is_refused"),
    ("no CORS header, ever", HOSTILE, "access-control-allow-origin"),
    ("probes are open and tell nothing", f"{API}test_problems.py", "probes_need_no_token_and_tell_nothing"),
    ("streams check token and Origin", f"{API}test_stream.py", "a_page_from_elsewhere_does_not_get_the_stream"),
    # Forged requests
    ("a foreign Origin changes nothing", f"{API}test_stats.py", "a_page_from_elsewhere_erases_nothing"),
    ("forms and cross-site requests", HOSTILE, "Sec-Fetch-Site: cross-site"),
    ("documentation is off elsewhere", f"{API}test_sources.py", "documentation_is_there_where_only_this_machine"),
    # Input
    ("counts, times and names out of range", HOSTILE, "NO_COUNTS"),
    ("NUL and control characters", HOSTILE, "NO_NAMES"),
    ("2000 parameters, 100 kB URLs and headers", HOSTILE, "range(5000)"),
    ("bodies of 10 MB, or without a length", HOSTILE, "Content-Length: 10000000"),
    ("Content-Length doubled, negative, or beside chunks", HOSTILE, "Content-Length: -1"),
    ("half-sent requests", HOSTILE, "many_half_open_connections_hold_nobody_up"),
    ("readers that do not read", f"{API}test_stream.py", "a_reader_that_stops_reading_is_cut"),
    ("SQL is text", HOSTILE, "DROP TABLE events"),
    ("answers are paged and bounded", HOSTILE, "answers_are_bounded"),
    ("JSON in other clothes changes nothing", f"{API}test_sources.py", "a_body_is_one_json_object_and_says_so"),
    ("no GET with effects", f"{API}test_sources.py", "a_page_from_elsewhere_changes_nothing"),
    # Sources
    ("added over HTTP: off by default", f"{API}test_sources.py", "where_it_is_off_nothing_changes"),
    ("hosts and addresses", f"{API}test_hostile_sources.py", "places_that_must_not_be_reached"),
    ("addresses that hide something", f"{API}test_hostile_sources.py", "addresses_that_hide_something_are_refused"),
    ("names that are turned later", "engine/sources/test_rules.py", "a_name_that_is_turned_to_this_machine_later"),
    ("files of one folder", "engine/sources/test_rules.py", "files_come_from_their_folder_alone"),
    ("redirects and playlists", "engine/sources/test_rules.py", "neither_redirects_nor_playlists_lead_elsewhere"),
    ("no port scanner", "engine/sources/test_rules.py", "closed_silent_forbidden_and_unknown_sound_alike"),
    ("schemes and line breaks", "engine/sources/test_config.py", "'concat' is no kind of source"),
    # Media
    ("bombs are refused before decoding", "engine/sources", "max_pixels"),
    # Secrets
    ("canary passwords and tokens", "e2e/test_security.py", "no_secret_gets_out_by_any_door"),
    ("redaction", "engine/test_redact.py", "def test_"),
    ("mistakes in the configuration do not show tokens", SCOPES, "refused_and_not_shown"),
    # Models
    ("a changed model does not load", "e2e/test_program.py", "is not the file its card describes"),
    ("nothing is unpickled", "test_imports.py", "nothing_is_ever_unpickled"),
    # Pages
    ("policy, no inline script, no echo of markup", HOSTILE, "pages_have_no_inline_script"),
    # Paths
    ("paths that climb", HOSTILE, "CLIMBS"),
    # Privacy
    ("erase by track", f"{API}test_stats.py", "an_erased_track_is_gone_everywhere"),
    ("retention", "engine/test_retention.py", "def test_"),
    ("places where it is prohibited", "pipelines/test_deployment.py", "the_program_does_not_start_there"),
    # Supply chain
    ("hashed locks in images", "test_docker.py", "--require-hashes"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "where", "what"), ROWS, ids=[row for row, _, _ in ROWS])
def test_a_row_of_the_checklist_has_its_test(row: str, where: str, what: str) -> None:
    path = ROOT / "tests" / where
    files = sorted(path.rglob("test_*.py")) if path.is_dir() else [path]
    assert any(what in file.read_text(encoding="utf-8") for file in files), f"{row}: no {what!r} in {where}"
