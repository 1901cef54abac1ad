"""Lines that repeat are limited and counted; text of others cannot steer the terminal."""

import logging
import subprocess
import sys

import pytest

from pipelines.loglimit import ALIKE, SAME, Repeats


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def passed(repeats: Repeats, message: str, *arguments: object) -> str | None:
    record = logging.LogRecord("engine.x", logging.ERROR, "x.py", 1, message, arguments, None)
    return record.getMessage() if repeats.filter(record) else None


def test_the_same_line_passes_a_few_times_a_minute_and_the_rest_is_counted() -> None:
    clock = Clock()
    repeats = Repeats(clock)
    said = [passed(repeats, "accept failed: %s", "EMFILE") for _ in range(8000)]
    assert [one for one in said if one] == ["accept failed: EMFILE"] * SAME
    clock.now_s = 61
    assert passed(repeats, "accept failed: %s", "EMFILE") == (
        f"accept failed: EMFILE ({8000 - SAME} more like this were left out)"
    )
    assert passed(repeats, "accept failed: %s", "EMFILE") == "accept failed: EMFILE"


def test_lines_of_one_kind_pass_for_many_cameras_but_not_for_ever() -> None:
    repeats = Repeats(Clock())
    said = [passed(repeats, "source %s online", f"cam-{n}") for n in range(1000)]
    assert len([one for one in said if one]) == ALIKE
    assert passed(repeats, "source %s offline", "cam-1") == "source cam-1 offline"


def test_a_text_that_differs_behind_its_first_line_is_one_kind() -> None:
    repeats = Repeats(Clock())
    said = [passed(repeats, f"Task exception was never retrieved\nfuture: <Task-{n}>") for n in range(1000)]
    assert len([one for one in said if one]) == ALIKE


def test_what_is_remembered_is_bounded() -> None:
    repeats = Repeats(Clock())
    for number in range(5000):
        passed(repeats, f"line {number}")
    assert len(repeats._kinds) <= 1024


@pytest.mark.parametrize("form", ["console", "json"])
def test_words_of_others_are_written_out(form: str) -> None:
    program = (
        "import logging; from pipelines import logs; "
        f"logs.configure(json={form == 'json'}); "
        "logging.getLogger('engine.x').warning('said: %s', '404 \\x1b[2J\\rforged\\n2026 [error] forged \\u202e'); "
        "logs.say('moodline: \\x1b]0;title\\x07 a\\u202eb')"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=300, check=True).stderr
    text = said.decode()
    assert not any(letter in text for letter in "\x1b\x07\r\u202e")
    assert "1b[2J" in text and text.count("\n") == 2
