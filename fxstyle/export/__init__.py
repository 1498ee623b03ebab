"""Trained models as files that other programs play, and other programs' files as models."""
