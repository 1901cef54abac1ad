"""Judging a model by labelled faces it was never trained on."""
