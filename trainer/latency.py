"""How long a model takes for a batch of faces on this machine."""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from engine.items import Floats, Image

BATCHES = (1, 8, 32)
REPEATS = 30
BUDGET_S = 3.0


def latency(score: Callable[[Image], Floats], images: Image) -> list[dict[str, float | int]]:
    """Median time of `score` for each batch size of `BATCHES`, from gray pixels to scores.

    `images` uint8 `(N, S, S)` are repeated to fill a batch. PyTorch runs on one thread meanwhile. At most
    `REPEATS` calls, or about `BUDGET_S` seconds for each size, after one call to warm up.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [_timed(score, images.take(range(size), axis=0, mode="wrap")) for size in BATCHES]
    finally:
        torch.set_num_threads(threads)


def _timed(score: Callable[[Image], Floats], batch: Image) -> dict[str, float | int]:
    score(batch)
    seconds: list[float] = []
    while len(seconds) < REPEATS and (len(seconds) < 3 or sum(seconds) < BUDGET_S):
        started = time.perf_counter()
        score(batch)
        seconds.append(time.perf_counter() - started)
    middle = median(seconds)
    return {
        "batch": len(batch),
        "milliseconds": round(1000 * middle, 3),
        "images_per_second": round(len(batch) / middle, 1),
    }


def machine(threads: int | None) -> dict[str, Any]:
    """The processor's name, its cores, the `threads` a model used (None: as many as its libraries take), and
    how busy the machine was: the mean number of running processes in the last minute."""
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return {"cpu": _processor(), "cores": os.cpu_count(), "threads": threads, "load": load}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
