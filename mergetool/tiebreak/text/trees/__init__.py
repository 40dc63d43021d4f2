"""Three-way merge of syntax trees: items of a node, their matching, their order, the merged text."""
