"""MergeBERT as published, at our size: what the other models are compared with.

Svyatkovskiy et al., "Program merge conflict resolution via neural transformers", ESEC/FSE 2022
(arXiv 2109.00084), sections 4 and 5: a token-level three-way merge of each hunk, and a transformer
that gives each sub-conflict that is left one of nine labels. The steps:

    prepare   here      examples become arrays; prints how many hunks the labels can express
    train     anywhere  needs those arrays, torch and numpy only; writes ranked labellings
    predict   anywhere  the same, with a model trained before
    evaluate  here      labellings become texts and are compared with what people committed
"""
