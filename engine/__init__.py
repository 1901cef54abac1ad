"""moodline's engine: the machine and its stages. It knows neither the pipelines nor the trainer."""

import os

# ONNX Runtime's Linux wheels upload usage data unless told not to before their first import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
