"""mergekit's recipes: the YAML files of its `mergekit-yaml`, run by this engine.

`document` reads YAML with the line of everything, `schema` makes a recipe of it, `methods` maps
mergekit's methods onto ours, `layers` finds the stacks of layers in the names of tensors,
`assembly` says which input every tensor of the output comes from, and `merging` makes the engine's
outputs of that. What mergekit does silently wrong is refused by name, with the line.
"""
