"""The shipped languages, one TOML file each; see `tiebreak.text.language` for the fields."""
