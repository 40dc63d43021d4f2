"""Everything that speaks to git: processes, the index, attributes, configuration, registration."""
