"""Training and estimating: what needs torch and transformers. Imported by its commands alone."""
