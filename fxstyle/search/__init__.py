"""Search for settings: render candidates through the real effect, score them, and keep the best."""
