"""`moodline history`: what a run has stored, in numbers, as a file, less of it, or without one track."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from engine.errors import BusError, ConfigError
from engine.history import EventFilter, HistoryConfig
from engine.redact import shown
from pipelines import logs
from pipelines.config import load
from pipelines.history_export import FORMATS, export, format_of

if TYPE_CHECKING:
    from engine.history import History

_WHERE = (
    click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="A run's configuration."),
    click.option("--url", envvar="MOODLINE_HISTORY_URL", metavar="URL", help="Or history.url itself."),
)
_MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]


def where(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say which history."""
    for option in reversed(_WHERE):
        command = option(command)
    return command


@click.group()
def history() -> None:
    """Look into, export, prune and erase what a run has stored, also while one is running.

    \b
    Examples:
      moodline history stats --config configs/rtsp.yaml
      moodline history export --url sqlite:///moodline.db -o november.parquet --from 2026-11-01 --to 2026-12-01
      moodline history prune --url sqlite:///moodline.db --older-than 7
      moodline history erase --config configs/rtsp.yaml --track 01KAXW3E8MK6GA25WQ3788ECWY
    """


@history.command()
@where
def stats(config: Path | None, url: str | None) -> int:
    """How much there is, of which runs and sources."""
    with _opened(config, url) as store:
        click.echo(f"{_megabytes(store)} at {store.snapshot().url}")
        for table, count in store.counts().items():
            click.echo(f"  {table:<8} {count:>12,}")
        for run in store.runs(10):
            until = run.ended_at.isoformat(timespec="seconds") if run.ended_at else "now"
            name = _plain(f"{run.run_id} {run.name} {run.state}")
            click.echo(f"run {name}, {run.started_at.isoformat(timespec='seconds')} to {until}")
        for source in store.sources():
            seen = source.last_seen.isoformat(timespec="seconds")
            click.echo(_plain(f"source {source.source_id} {source.state or 'unknown'}, last seen {seen}"))
    return 0


@history.command()
@where
@click.option("--older-than", type=click.FloatRange(min=0), metavar="DAYS", help="Remove what was stored before.")
@click.option("--to-mb", type=click.FloatRange(min=0), metavar="MB", help="Remove the oldest until so much is left.")
def prune(config: Path | None, url: str | None, older_than: float | None, to_mb: float | None) -> int:
    """Remove the oldest events, with their samples and tracks, broadcast or not."""
    if older_than is None and to_mb is None:
        raise click.UsageError("say what may go: --older-than DAYS, --to-mb MB, or both")
    with _opened(config, url) as store:
        removed = 0
        with tqdm(unit=" events", desc="removing", disable=logs.is_json() or None) as bar:
            if older_than is not None:
                removed += store.prune(_days_ago(older_than), bar.update)
            if to_mb is not None:
                removed += store.prune_to(int(to_mb * 1e6), bar.update)
        store.shrink()
        unsent = f", {store.dropped_unsent} of them not broadcast yet" if store.dropped_unsent else ""
        click.echo(f"removed {removed} events{unsent}; {_megabytes(store)} are left")
    return 0


def _days_ago(days: float) -> datetime:
    try:
        return datetime.now(UTC) - timedelta(days=days)
    except OverflowError as error:
        raise click.UsageError(f"--older-than {days:g}: there was no time so long ago") from error


@history.command("export")
@where
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The file to write.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    help="What the file's name ends in, unless given.",
)
@click.option("--source", "source_id", metavar="ID")
@click.option("--type", metavar="TYPE")
@click.option("--label", metavar="EMOTION")
@click.option("--track", "track_uid", metavar="UID")
@click.option("--from", "start", type=click.DateTime(_MOMENTS), help="Captured at or after this time, in UTC.")
@click.option("--to", "end", type=click.DateTime(_MOMENTS), help="Captured before this time, in UTC.")
def export_events(
    config: Path | None,
    url: str | None,
    output: Path,
    kind: str | None,
    start: datetime | None,
    end: datetime | None,
    **equal: Any,
) -> int:
    """Write events into a file, oldest first: JSON lines, CSV or Parquet."""
    kind = kind or format_of(output)
    if kind is None:
        raise click.UsageError(
            f"--output {str(output)!r} ends in {output.suffix!r}: name it .jsonl, .csv or .parquet, or say --format"
        )
    wanted = EventFilter(start=_in_utc(start), end=_in_utc(end), **equal)
    with _opened(config, url) as store:
        total = store.count_events(wanted)
        with tqdm(total=total, unit=" events", desc="exporting", disable=logs.is_json() or None) as bar:
            count = export(store, wanted, output, kind, bar.update)
    click.echo(f"{count} events in {output}")
    return 0


@history.command()
@where
@click.option("--track", "track_uid", required=True, metavar="UID", help="The track to forget.")
@click.option("--bus", metavar="URL", envvar="MOODLINE_BUS_URL", help="bus.url: the stream forgets it too.")
@click.option("--prefix", default="moodline", show_default=True, help="bus.prefix of the run.")
def erase(config: Path | None, url: str | None, track_uid: str, bus: str | None, prefix: str) -> int:
    """Delete all that is known of one track. While it is still in sight, what is seen of it later comes back.

    A run on this history, also one that begins within a week, forgets its thumbnail and takes it out of its stream.
    """
    from engine.bus.erasing import erase_track

    bus, prefix = _bus_of(config, bus, prefix)
    with _opened(config, url) as store:
        gone = store.erase(track_uid)
    click.echo(f"erased {gone.events} events, {gone.samples} samples and {gone.tracks} tracks from the history")
    if bus:
        try:
            click.echo(f"erased {erase_track(bus, prefix, track_uid)} entries from the stream {prefix}:events")
        except BusError as error:
            raise BusError(f"{error}; the next run on this history erases them, or this command once more") from error
    return 0


def _bus_of(config: Path | None, bus: str | None, prefix: str) -> tuple[str | None, str]:
    """The stream to clean: what the options say, else what the configuration says."""
    if bus is None and config is not None:
        told = load(config).bus
        return (None if told.url.startswith("memory://") else told.url), told.prefix
    return bus, prefix


@contextmanager
def _opened(config: Path | None, url: str | None) -> Iterator["History"]:
    from engine.history import History

    store = History(_url(config, url))
    store.open()
    with closing(store):
        yield store


def _url(config: Path | None, url: str | None) -> str:
    if config is not None:
        told = load(config).history.url
        _check_exists(told, f"{config}: history.url")
        return told
    if url is None:
        raise click.UsageError("which history? give --config FILE of a run, or --url URL")
    try:
        checked = HistoryConfig(url=url)
    except ValueError as error:
        problems: Any = getattr(error, "errors", list)()
        said = str(problems[0]["msg"]).removeprefix("Value error, ") if problems else "not right"
        raise ConfigError(f"--url {shown(url)!r}: {said}") from error
    _check_exists(url, f"--url {url!r}")
    return checked.url


def _check_exists(url: str, named: str) -> None:
    """A mistyped name must not become an empty history."""
    path = url.removeprefix("sqlite:///").partition("?")[0]
    if url.startswith("sqlite:") and (path in ("", "sqlite://", ":memory:") or not Path(path).exists()):
        raise ConfigError(f"{named}: there is no such file")


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=UTC)


def _megabytes(store: "History") -> str:
    return f"{store.size_bytes() / 1e6:.1f} MB"


def _plain(text: str) -> str:
    """What others wrote must not steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
