"""The command line. One module per command; no merging logic here."""
