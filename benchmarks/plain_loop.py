"""The rival: the loop one would write in an afternoon. Decode, detect, crop, classify, one after the other."""

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from engine.pixels import InputSpec


def open_network(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def make_priors(height: int, width: int) -> np.ndarray:
    rows = [
        ((column + 0.5) * stride / width, (row + 0.5) * stride / height, side / width, side / height)
        for stride, sides in ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
        for row in range(-(-height // stride))
        for column in range(-(-width // stride))
        for side in sides
    ]
    return np.array(rows, np.float32)


def suppress(boxes: np.ndarray, scores: np.ndarray, max_iou: float = 0.4) -> list[int]:
    return list(cv2.dnn.NMSBoxes(
        [(x1, y1, x2 - x1, y2 - y1) for x1, y1, x2, y2 in boxes.tolist()], scores.tolist(), 0.0, max_iou
    ))  # fmt: skip


def run(
    clip: Path, detector: Path, spec: InputSpec, classifier: Path, threads: int, min_score: float = 0.6
) -> tuple[int, int]:
    """Returns frames and faces seen. `spec` is that of the detector's card: means and deviations are its own."""
    mean, deviation = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    find, label = open_network(detector, threads), open_network(classifier, threads)
    outputs = {output.shape[-1]: place for place, output in enumerate(find.get_outputs())}
    priors = make_priors(360, 640)
    video = cv2.VideoCapture(str(clip))
    frames = faces = 0
    while True:
        ok, image = video.read()
        if not ok:
            return frames, faces
        frames += 1
        small = cv2.resize(image, (640, 360))
        blob = ((small.astype(np.float32) - mean) / deviation).transpose(2, 0, 1)[None]
        result = find.run(None, {find.get_inputs()[0].name: np.ascontiguousarray(blob)})
        scores = result[outputs[2]][0, :, 1]
        offsets = result[outputs[4]][0]
        centre = priors[:, :2] + offsets[:, :2] * 0.1 * priors[:, 2:]
        size = priors[:, 2:] * np.exp(offsets[:, 2:] * 0.2)
        boxes = np.hstack([centre - size / 2, centre + size / 2]) * np.tile([image.shape[1], image.shape[0]], 2)
        sure = scores > min_score
        for place in suppress(boxes[sure], scores[sure]):
            x1, y1, x2, y2 = boxes[sure][place].astype(int).clip(0)
            crop = image[y1:y2, x1:x2]
            if crop.size:
                gray = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), (48, 48)).astype(np.float32) / 255
                label.run(None, {label.get_inputs()[0].name: gray[None, None]})
                faces += 1
