"""Dry sound: reading, writing, resampling, levels and the sources of recordings."""
