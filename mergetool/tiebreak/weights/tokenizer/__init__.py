"""Merging models whose tokenizers differ: rows by token, one tokenizer, one rule for tied weights.

`align` is the door: it takes the models as they are and gives them with the same rows for the same
tokens, so that any method can merge them, and the files that go with the result. Nothing here knows
a method or a command. How it differs from `tiebreak.weights.vocabulary`: that joins two sides of a
git merge and refuses whatever a person has to decide; here somebody asked for one tokenizer, and
rows that a model lacks are filled by the rule that `plan` describes.
"""
