"""What is wrong with a plugin, and which of its controls sound can tell apart."""
