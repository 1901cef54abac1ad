"""moodline's engine: the machine and its stages. It knows neither the pipelines nor the trainer."""

import os

# ONNX Runtime's Linux wheels upload usage data unless told not to before their first import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# OpenCV's own limit for a silent webcam is 10 s, longer than a run may take to end.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "3")

__version__ = "0.1.0"
