"""The learned judge at merge time: a hunk and its candidates as numbers, and the shipped model.

Nothing here needs torch. numpy and ONNX Runtime (``tiebreak[ranker]``) are imported where they are
used; a merge that has no use for the judge loads none of them.
"""
