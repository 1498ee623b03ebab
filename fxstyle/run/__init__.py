"""From a config to objects, and everything about a run's folder: the only place that knows Hydra."""
