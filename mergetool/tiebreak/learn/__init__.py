"""Mining, training, calibration and evaluation of the learned judge.

Nothing but its commands imports this package, and it alone needs the extra ``tiebreak[learn]``.
What it makes, a model file, is run by `tiebreak.ranker`.
"""
