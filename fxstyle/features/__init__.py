"""Descriptors of a sound computed without training: timbre and style statistics."""
