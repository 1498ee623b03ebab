"""Learn, match and emulate audio effects."""

__version__ = "0.1.0"
