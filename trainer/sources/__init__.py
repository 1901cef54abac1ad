"""Labelled faces as people have them: one module for each layout of files."""
