"""Scores: pure functions, and torchmetrics classes that hold sums."""
