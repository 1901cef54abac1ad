"""What an idle engine costs: one camera at 1 fps without faces, in percent of one core, beside decoding alone.

python -m benchmarks.idle [--seconds 30]
"""

import argparse
import contextlib
import io
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np

from engine.api import ApiConfig
from engine.history import HistoryConfig
from engine.sources.config import SourceConfig
from engine.sources.reader import open_reader
from engine.stages.detect import DetectConfig
from pipelines.config import PipelineConfig, StagesConfig
from pipelines.service import Service


class _Camera(BaseHTTPRequestHandler):
    """MJPEG of an empty room, one picture a second."""

    def do_GET(self) -> None:
        picture = cv2.imencode(".jpg", np.full((720, 1280, 3), 96, np.uint8))[1].tobytes()
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
                self.wfile.write(io.BytesIO(head + picture + b"\r\n").getbuffer())
                time.sleep(1)

    def log_message(self, *_args: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def camera() -> Iterator[str]:
    """In a process of its own, so that its work is not counted."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Camera)
        os.write(writing, str(server.server_address[1]).encode())
        os.close(writing)
        server.serve_forever()
    os.close(writing)
    port = os.read(reading, 10).decode()
    try:
        yield f"http://127.0.0.1:{port}/live.mjpeg"
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def decoding_alone(uri: str, seconds: float) -> float:
    reader = open_reader(SourceConfig(id="a", uri=uri))
    reader.read()
    began, cpu = time.monotonic(), time.process_time()
    while time.monotonic() - began < seconds:
        reader.read()
    reader.close()
    return (time.process_time() - cpu) / (time.monotonic() - began)


def engine(uri: str, seconds: float, detector: str) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        config = PipelineConfig(
            name="idle",
            sources=(SourceConfig(id="room", uri=uri),),
            stages=StagesConfig(detect=DetectConfig(model=detector)),
            history=HistoryConfig(url=f"sqlite:///{Path(folder) / 'idle.db'}"),
            api=ApiConfig(port=0),
        )
        service = Service(config)
        marks: list[tuple[float, float]] = []

        def mark() -> None:
            marks.append((time.monotonic(), time.process_time()))

        threading.Timer(5, mark).start()
        threading.Timer(5 + seconds, mark).start()
        service.run(for_s=seconds + 6)
        frames = service.status().sources[0].frames.captured
    (began, cpu), (ended, cpu_ended) = marks
    return (cpu_ended - cpu) / (ended - began), frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--detector", default="retinaface-mnet025")
    args = parser.parse_args()
    with camera() as uri:
        alone = decoding_alone(uri, args.seconds)
        whole, frames = engine(uri, args.seconds, args.detector)
    print(f"decoding alone {alone:.1%} of a core, engine {whole:.1%} ({frames} frames, {args.detector})")
    print(f"engine beyond decoding: {whole - alone:.1%} of a core")


if __name__ == "__main__":
    main()
