"""Checkpoints: their formats, comparison and merging. Knows neither text nor git."""
