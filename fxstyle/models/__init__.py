"""Plain networks, without trainer or data."""
