"""LV2 plugins: their Turtle, their C interface and running instances, joined by the LV2 host."""
