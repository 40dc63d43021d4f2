"""Three-way merge of syntax trees: items, their matching, their order, the merged text."""
