"""LoRA adapters from their files: applied, merged and extracted without loading the base model.

An adapter changes a weight by ``scale * B @ A``. Everything here happens to that product: the
factors of two adapters have nothing to do with each other, and merging A with A and B with B gives
neither of the two changes, nor their mean.

E. Hu et al., "LoRA: Low-rank adaptation of large language models" (arXiv 2106.09685).
"""
