"""Figures from plain arrays: the latent map, spectrograms, training curves and bars against baselines."""
