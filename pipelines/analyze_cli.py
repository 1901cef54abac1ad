"""`moodline analyze`: one file in; annotated video, events and a summary out."""

import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from engine import ids
from engine.errors import Cause, ConfigError, SourceError
from engine.redact import shown
from engine.sources.config import SourceConfig
from engine.sources.picture import NO_LOSSES
from engine.words import counted, printable
from pipelines import logs
from pipelines.config import PipelineConfig, load
from pipelines.outputs import check_outputs, lines_into
from pipelines.run_cli import check_run_id
from pipelines.signals import INTERRUPTED, stop_on_signal
from pipelines.yamlfile import shipped

if TYPE_CHECKING:
    from pipelines.analyze import Analysis, TrackSummary

T = TypeVar("T")


@click.command()
@click.argument("video")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write an annotated video (MP4).")
@click.option("--events", "events_path", type=click.Path(path_type=Path), help="Write the events as JSON lines.")
@click.option("--config", "config_path", type=click.Path(path_type=Path),
              help="Take stages and models from this YAML; its sources are not used.")  # fmt: skip
@click.option("--detector", metavar="MODEL", help="Face detector instead of the configuration's, for example haar.")
@click.option("--every", "every_s", type=click.FloatRange(0, 60), metavar="SECONDS",
              help="Detect this often; 0 is every frame.")  # fmt: skip
@click.option("--speed", type=click.Choice(["max", "1x"]), default="max", show_default=True,
              help="As fast as possible, or in real time; the events are the same.")  # fmt: skip
@click.option("--run-id", metavar="ID", help="Fixes all ids, so that two runs give the same bytes.")
def analyze(
    video: str,
    output: Path | None,
    events_path: Path | None,
    config_path: Path | None,
    detector: str | None,
    every_s: float | None,
    speed: str,
    run_id: str | None,
) -> int:
    """Analyse the file VIDEO (or a folder of pictures), losing no frame.

    \b
    Examples:
      moodline analyze party.mp4
      moodline analyze party.mp4 -o seen.mp4 --events party.jsonl
      moodline analyze party.mp4 --detector retinaface-resnet50 --every 0
    """
    logs.quiet()
    run_id = check_run_id(run_id) or ids.new_ulid()
    if "://" in video or video.startswith(("webcam:", "demo:")):
        raise ConfigError(f"{shown(video)}: analyze takes a file; cameras are for `moodline run`")
    path = Path(video)
    check_outputs(path, output, events_path)
    config = _configure(path, config_path, detector, every_s)
    total, stills = _probe(config.sources[0])
    if stills:
        config = _for_stills(config)
    from pipelines.analyze import Analyzer  # all that runs, which `--help` and wrong arguments need not wait for

    with ExitStack() as stack:
        lines = stack.enter_context(lines_into(events_path)) if events_path else None
        analyzer = Analyzer(config, run_id, lines, paced=speed == "1x")
        stop_on_signal(analyzer.stop)
        result = _with_bar("analysing", total, analyzer.run)
    _print_summary(path, result)
    if output and not result.interrupted:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        _with_bar("drawing", result.frames, lambda progress: analyzer.draw(output, progress))
    return _exit_code(path, result)


def _configure(video: Path, config_path: Path | None, detector: str | None, every_s: float | None) -> PipelineConfig:
    config = load(config_path or shipped("analyze.yaml"))
    detect = config.stages.detect
    detect = replace(
        detect,
        model=detector or detect.model,
        every_s=detect.every_s if every_s is None else every_s,
    )
    from engine.sources.files import address_of  # brings the decoders, which `--help` need not wait for

    source = SourceConfig(id="video", uri=address_of(video))
    stages = replace(config.stages, detect=detect)
    return replace(config, mode="replay", sources=(source,), stages=stages)


def _for_stills(config: PipelineConfig) -> PipelineConfig:
    """A photograph has no time in which a face could prove itself or an emotion last."""
    stages = config.stages
    track, smooth = replace(stages.track, confirm_s=0), replace(stages.smooth, min_dwell_s=0)
    return replace(config, stages=replace(stages, track=track, smooth=smooth))


def _probe(source: SourceConfig) -> tuple[int | None, bool]:
    """The expected number of frames, and whether each is a photograph of its own.

    Wrong arguments show here, before any model is loaded.
    """
    from engine.sources.reader import open_reader

    try:
        reader = open_reader(source)
    except SourceError as error:
        raise ConfigError(str(error)) from error
    count = reader.frame_count
    stills = count == 1 or reader.declared.stills
    reader.close()
    return count, stills


def _with_bar(label: str, total: int | None, work: Callable[[Callable[[int], None]], T]) -> T:
    if logs.is_json():
        return work(lambda _done: None)
    with click.progressbar(length=total or 0, label=label, file=sys.stderr) as bar:

        def progress(done: int) -> None:
            bar.update(max(0, min(done, total or done) - bar.pos))

        return work(progress)


def _exit_code(video: Path, result: "Analysis") -> int:
    if result.interrupted:
        logs.say("moodline: interrupted; what was found until then is complete")
        return INTERRUPTED
    if result.failure and result.failure.cause is not Cause.ENDED:
        logs.say(printable(f"moodline: {video}: {result.failure.cause}: {result.failure}"))
        return 1
    return 0


def _print_summary(video: Path, result: "Analysis") -> None:
    tracks = [result.sink.tracks[key] for key in sorted(result.sink.tracks)]
    counts = ", ".join(f"{number} {kind}" for kind, number in sorted(result.sink.counts.items()))
    rejected = f" ({counted(result.rejected, 'track')} of no face left out)" if result.rejected else ""
    unread = f" ({result.losses.lost} lost, {result.losses.damaged} damaged)" if result.losses != NO_LOSSES else ""
    said = f"{result.frames} frames{unread}, {len(tracks)} tracks{rejected}; events: {counts or 'none'}"
    click.echo(f"{printable(video.name)}: {said}")
    if not tracks:
        return
    click.echo(f"{'track':>5}  {'from':>8}  {'to':>8}  {'seconds':>7}  {'changes':>7}  emotions by time")
    for track in tracks:
        click.echo(_row(track))


def _row(track: "TrackSummary") -> str:
    total = sum(track.dwell_s.values())
    ranked = sorted(track.dwell_s.items(), key=lambda item: -item[1])
    shares = ", ".join(f"{label} {seconds / total:.0%}" for label, seconds in ranked if total)
    return (
        f"{track.track_id:>5}  {_clock(track.start_s):>8}  {_clock(track.end_s):>8}  "
        f"{track.end_s - track.start_s:>7.1f}  {track.changes:>7}  {shares or track.label or '(undecided)'}"
    )


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"
