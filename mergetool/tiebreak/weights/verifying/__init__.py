"""The checks of `tiebreak.weights.verify`, one subject per module."""
