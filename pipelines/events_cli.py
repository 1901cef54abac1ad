"""`moodline events`: follow what is being published on Redis."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from engine import jsontext
from engine.bus import BusConfig
from engine.client import NEWEST, OLDEST, Received, subscribe
from engine.errors import ConfigError
from engine.redact import shown
from engine.words import sure_of, unread
from pipelines import logs

INTERRUPTED = 130
_STREAM_ID = re.compile(r"\d{1,20}(-\d{1,20})?")


@click.command()
@click.option("--url", default="redis://localhost:6379/0", show_default=True, help="bus.url of the run.")
@click.option("--prefix", default="moodline", show_default=True, help="bus.prefix of the run.")
@click.option("--source", metavar="ID", help="Only this source.")
@click.option("--type", "kind", metavar="TYPE", help="Only new, emotion_changed, update, end, status or gap.")
@click.option("--since", metavar="ID", help="After this entry of the stream, or this time in ms since 1970.")
@click.option("--from-start", is_flag=True, help="Everything Redis still has, then what comes.")
@click.option("--group", metavar="NAME", help="Share the work with the other consumers of this group.")
@click.option("--consumer", metavar="NAME", help="This consumer within the group.  [default: the machine's name]")
@click.option("--place", type=click.Path(path_type=Path), metavar="FILE", help="Keep the place here; go on from it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document per line.")
def events(
    url: str, prefix: str, source: str | None, kind: str | None, since: str | None, from_start: bool,
    group: str | None, consumer: str | None, place: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Follow the events of a run on Redis, until Ctrl-C.

    \b
    Examples:
      moodline events
      moodline events --source door --type emotion_changed
      moodline events --from-start --json > events.jsonl
      moodline events --place seen.id --json >> events.jsonl
      moodline events --group alarms --consumer a
    """
    start = _start(since, from_start)
    _check(url, prefix)
    subscription = subscribe(
        url, prefix=prefix, since=start, group=group, consumer=consumer, place=place,
        types=[kind] if kind else (), sources=[source] if source else (), on_lost=_say,
    )  # fmt: skip
    try:
        with subscription as messages:
            for message in messages:
                click.echo(jsontext.dumps(message.event) if as_json else _line(message))
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _start(since: str | None, from_start: bool) -> str:
    if since is None:
        return OLDEST if from_start else NEWEST
    if from_start or not _STREAM_ID.fullmatch(since):
        raise click.UsageError(
            f"--since {since!r}: give an entry's id such as 1764000000000-0, and not --from-start as well"
        )
    return since


def _check(url: str, prefix: str) -> None:
    """Refuse what `bus:` in a configuration would refuse."""
    try:
        BusConfig(url=url, prefix=prefix)
    except ValueError as error:
        raise ConfigError(f"--url {shown(url)!r} or --prefix {prefix!r} is not right: {_first(error)}") from error
    if url.startswith("memory://"):
        raise ConfigError("--url memory:// stays inside the run; set bus.url to a Redis to follow it")


def _first(error: ValueError) -> str:
    """Pydantic's message without the value, which may hold a password."""
    problems: Any = getattr(error, "errors", list)()
    return str(problems[0]["msg"]).removeprefix("Value error, ") if problems else "see moodline events --help"


def _say(trouble: str) -> None:
    logs.say(f"moodline: {trouble}; trying again")


def _line(message: Received) -> str:
    """One event for people: when, where, who, what; and the entry's id to go on from."""
    try:
        text = f"{_told(dict(message.event))} [{message.stream_id}]"
    except (LookupError, TypeError):  # something else writes into this stream
        text = f"? not an event of moodline [{message.stream_id}]"
    # A camera's own words must not steer the terminal.
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _told(event: dict[str, Any]) -> str:
    if event.get("type") == "gap":
        return f"{event['published_at']} - gap {event['count']} events from {event['first_seq']} on are lost"
    if event.get("type") == "status":
        happened = " ".join(filter(None, (event["state"], event["cause"], event["detail"])))
    else:
        before, after = _emotion(event["before"]), _emotion(event["after"], event["gated"])
        happened = f"#{event['track_id']} {before} -> {after}"
    return f"{event['captured_at']} {event['source_id']} {event['type']} {happened}"


def _emotion(emotion: dict[str, Any] | None, gated: Sequence[str] = ()) -> str:
    """A label with its score where it leads, and without one where it does not."""
    if why := unread(emotion or {}, gated):
        return why
    if emotion is None:
        return "-"
    sure = sure_of(emotion)
    return (emotion["label"] or "unclear") + ("" if sure is None else f" {sure:.2f}")
