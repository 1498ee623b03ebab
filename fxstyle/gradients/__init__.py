"""Gradients of effects that have none: estimates from renders with slightly other settings."""
