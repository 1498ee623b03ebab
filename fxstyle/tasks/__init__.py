"""LightningModules: they compute and log numbers, and leave pictures and files to callbacks."""
