"""Keys, the stateless dataset, the epoch-aware sampler and the DataModule that swaps the effect."""
