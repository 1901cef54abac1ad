"""`moodline run` and `moodline demo`: one process, one shard, until the end or a signal."""

import signal
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.errors import ConfigError, SourceError
from engine.private_redis import private_redis
from engine.sources.config import SourceConfig
from engine.sources.demo import open_demo
from pipelines import logs
from pipelines.config import PipelineConfig, load
from pipelines.entry import missing
from pipelines.secrecy import check_files
from pipelines.signals import INTERRUPTED, leave, reload_on_hangup, stop_on_signal
from pipelines.yamlfile import shipped

# What runs is imported when it is about to: `--help` and mistakes in arguments need none of it.
if TYPE_CHECKING:
    from pipelines.reload import Reload
    from pipelines.service import Service

FOR = click.option("--for", "for_s", type=click.FloatRange(min=0.0, min_open=True), metavar="SECONDS",
                   help="Stop by itself after this time.")  # fmt: skip


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@FOR
@click.option("--run-id", metavar="ID", help="Name this run instead of drawing a fresh id.")
def run(config: Path, for_s: float | None, run_id: str | None) -> int:
    """Run CONFIG: cameras in, emotion events out, headless, until Ctrl-C.

    When CONFIG changes, and on SIGHUP, it is read again: what differs is taken over, or waits for the next start.

    \b
    Examples:
      moodline run configs/webcam.yaml
      DOOR_RTSP=rtsp://user:secret@10.0.0.7/live moodline run configs/rtsp.yaml
      moodline run configs/file.yaml --for 60
    """
    from pipelines.reload import Reload
    from pipelines.service import Service

    reload = Reload(config)
    check_files(config)
    service = Service(load(config), check_run_id(run_id))
    code = run_until_signal(service, for_s, lambda: _say_where(service), reload.of(service))
    return finish(service, code or _failed(service))


def _failed(service: "Service") -> int:
    """1 where a source could not be read to its end, told line by line; else 0."""
    failures = service.failures()
    for line in failures:
        logs.say(f"moodline: {line}")
    return int(bool(failures))


@click.command()
@FOR
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the API.  [default: 8080, or a free one]")
def demo(for_s: float | None, port: int | None) -> int:
    """Show the whole engine on built-in footage: no camera, service or network needed.

    \b
    Examples:
      moodline demo
      moodline demo --for 30 --port 9000
    """
    if wanting := _wanting():
        for line in wanting:
            logs.say(f"moodline: {line}")
        return 1
    from pipelines.service import Service

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moodline-demo-")))
        config = _for_demo(load(shipped("demo.yaml")), folder, port)
        redis_url = stack.enter_context(private_redis())
        if redis_url:
            config = replace(config, bus=replace(config.bus, url=redis_url))
        service = Service(config)
        code = run_until_signal(service, for_s, lambda: _say_demo(service))
    return finish(service, code or _failed(service))


def _wanting() -> list[str]:
    """What the demo needs and the wheel alone does not bring, one line each."""
    lines = [] if find_spec("onnxruntime") else missing(ModuleNotFoundError(name="onnxruntime"))
    try:
        open_demo(SourceConfig(id="demo", uri="demo:")).close()
    except SourceError as error:
        lines.append(str(error))
    return lines


def _for_demo(config: PipelineConfig, folder: Path, port: int | None) -> PipelineConfig:
    from engine.api import port_is_free

    if port is None:
        port = config.api.port if port_is_free(config.api.host, config.api.port) else 0
    history = replace(config.history, url=f"sqlite:///{folder / 'demo.db'}")
    return replace(config, history=history, api=replace(config.api, port=port))


def check_run_id(run_id: str | None) -> str | None:
    """Raises `ConfigError` unless `run_id` is None or a short plain name."""
    plain = run_id is None or (0 < len(run_id) <= 64 and all(c.isalnum() or c in "_-." for c in run_id))
    if not plain:
        raise ConfigError(f"--run-id: {run_id!r} must be 1 to 64 letters, digits, '_', '-' or '.'")
    return run_id


def run_until_signal(
    service: "Service", for_s: float | None, on_open: Callable[[], None], reload: "Reload | None" = None
) -> int:
    """0 at the end or on SIGTERM, 130 on Ctrl-C; a second signal ends the process at once. SIGHUP asks `reload`."""
    first_signal = stop_on_signal(service.stop)
    if reload:
        reload_on_hangup(reload.ask)
    service.run(for_s, on_open, [("reload", reload)] if reload else [])
    _say_end(service)
    return INTERRUPTED if first_signal() == signal.SIGINT else 0


def finish(service: "Service", code: int) -> int:
    """A thread blocked inside a decoder must not meet the interpreter's end: leave without one."""
    if service.abandoned():
        leave(code)
    return code


def _say_where(service: "Service") -> None:
    status = service.status()
    names = ", ".join(source.id for source in service.config.sources)
    logs.say(f"moodline {status.version} · run {service.run_id} · sources {names}")
    for model in status.models:
        logs.say(f"  {model.stage:<9} {model.name} on {model.device}")
    logs.say(f"  history   {status.history.url}")
    logs.say(f"  events    {status.bus.url}")
    deployment = service.config.deployment
    if deployment.exemption:
        logs.say(f"  context   {deployment.context}, stated exemption: {deployment.exemption}")
    if service.api_url:
        logs.say(f"  page      {service.api_url}")
        logs.say(f"  API       {service.api_url}/api/v1/status")


def _say_end(service: "Service") -> None:
    status = service.last
    if status is None:
        return
    frames = sum(source.frames.captured for source in status.sources) + status.removed.captured
    left = f"{status.bus.pending} wait in the history for the next run" if status.bus.pending else "all sent"
    counts = f"{frames} frames, {sum(status.events.values())} events, {left}"
    logs.say(f"moodline: stopped after {status.uptime_s:.1f} s: {counts}")


def _say_demo(service: "Service") -> None:
    _say_where(service)
    base = service.api_url
    logs.say(
        f"""
Look here (Ctrl-C ends the demo):
  dashboard            {base}
  faces and emotions   curl {base}/api/v1/tracks
  events               curl {base}/api/v1/events
  health of it all     curl {base}/api/v1/status
  metrics              curl {base}/metrics
  API documentation    {base}/docs
{_redis_line(service.config.bus.url)}"""
    )


def _redis_line(url: str) -> str:
    if url.startswith("unix://"):
        socket = url.removeprefix("unix://").split("?", 1)[0]
        return f"  live from Redis      redis-cli -s {socket} XREAD BLOCK 0 STREAMS moodline:events '$'"
    return "  (redis-server is not installed: events stay inside this process, in the history and the API)"
