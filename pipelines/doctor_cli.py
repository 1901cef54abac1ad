"""`moodline doctor`: what this machine has, and what stands in the way."""

import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import click
import cv2

from engine import __version__
from engine.bus import ping
from engine.errors import BusError, ModelError
from engine.modelcard import installed, load_model
from engine.sessions import available_providers, installed_runtimes, open_session
from engine.sources.reader import decoder_version
from pipelines import installation

_PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "av",
    "norfair",
    "insightface",
    "redis",
    "fastapi",
    "sqlalchemy",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: `level` is ok, note or fault."""

    level: str
    topic: str
    text: str


@click.command()
@click.option("--redis", "redis_url", default="redis://localhost:6379/0", show_default=True, metavar="URL",
              help="The Redis to look for.")  # fmt: skip
def doctor(redis_url: str) -> int:
    """Look this machine over: versions, devices, decoders, webcams, Redis, models.

    Exit code 1 when something is broken; what is merely absent is a note.

    \b
    Examples:
      moodline doctor
      moodline doctor --redis redis://queue.local:6379/0
    """
    findings = [*_versions(), *_files(), *_runtime(), *_decoding(), *_webcams(), *_redis(redis_url), *_models()]
    for finding in findings:
        mark = {"ok": "  ok  ", "note": " note ", "fault": "FAULT "}[finding.level]
        click.echo(f"{mark} {finding.topic:<10} {finding.text}")
    return int(any(finding.level == "fault" for finding in findings))


def _versions() -> Iterator[Finding]:
    yield Finding("ok", "moodline", f"{__version__} on Python {platform.python_version()}, {platform.platform()}")
    for name in _PACKAGES:
        try:
            yield Finding("ok", "package", f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            yield Finding("note", "package", f"{name} is not installed")


def _files() -> Iterator[Finding]:
    """Whether what is imported is what was installed: pip lets one package write over another's files."""
    wrong = installation.opencv(cv2.__version__)
    yield from (Finding("fault", "opencv", line) for line in wrong)
    if not wrong:
        yield Finding("ok", "opencv", f"{cv2.__version__} from {Path(cv2.__file__).parent}")
    ours = [*installation.intruders(), *installation.strays()]
    altered = installation.overwritten(installation.NAME, installation.OURS)
    ours += [f"{altered}; install moodline again"] if altered else []
    yield from (Finding("fault", "files", line) for line in ours)
    if not ours:
        yield Finding("ok", "files", f"engine, pipelines and trainer are moodline's own, in {installation.here()}")


def _runtime() -> Iterator[Finding]:
    runtimes = installed_runtimes()
    if len(runtimes) > 1:
        text = f"{' and '.join(runtimes)} overwrite each other; remove both, then make setup"
        yield Finding("fault", "onnx", text)
    elif altered := installation.overwritten(runtimes[0].split()[0] if runtimes else "", ["onnxruntime"]):
        yield Finding("fault", "onnx", f"{altered}; pip install --force-reinstall {runtimes[0].split()[0]}")
    else:
        yield Finding("ok", "onnx", ", ".join(runtimes))
    providers = available_providers()
    yield Finding("ok", "providers", ", ".join(providers))
    if shutil.which("nvidia-smi") and "CUDAExecutionProvider" not in providers:
        yield Finding("note", "gpu", "an NVIDIA driver is here but the CPU build is installed: make setup LOCK=gpu")


def _decoding() -> Iterator[Finding]:
    yield Finding("ok", "decoder", decoder_version())
    path = shutil.which("ffmpeg")
    if path is None:
        yield Finding("note", "ffmpeg", "no ffmpeg program on PATH (only tests need it; decoding has its own)")
        return
    first = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stdout.split("\n")[0]
    yield Finding("ok", "ffmpeg", first or path)


def _webcams() -> Iterator[Finding]:
    devices = sorted(Path("/dev").glob("video*"))
    if not devices:
        yield Finding("note", "webcam", "none (no /dev/video*)")
    for device in devices:
        yield Finding("ok", "webcam", f"{device} (webcam:{device.name.removeprefix('video')})")


def _redis(url: str) -> Iterator[Finding]:
    try:
        yield Finding("ok", "redis", ping(url))
    except BusError as error:
        yield Finding("note", "redis", str(error))
    server = shutil.which("redis-server") or shutil.which("valkey-server")
    yield Finding("ok" if server else "note", "redis", server or "no redis-server on PATH: the demo uses memory")


def _models() -> Iterator[Finding]:
    for path in installed():
        try:
            model = load_model(path)
            session = open_session(model, "auto")
            yield Finding("ok", "model", f"{model.card.name} {model.card.version} runs on {session.device} ({path})")
        except ModelError as error:
            yield Finding("fault", "model", str(error))
