"""Vocabularies that grew on both sides: tokens by their text, never by the row they happen to have.

Two branches that each add a token give it the same id, and the rows of the embedding under that id
have nothing to do with each other. Here theirs get the next free ids, in the rows and in every file
that names an id, or the whole is a conflict.
"""
