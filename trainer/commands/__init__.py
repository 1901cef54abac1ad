"""The commands of `moodline-train`, one module each."""
