"""What watches a training: media, progress, the effect schedule and early stopping."""
