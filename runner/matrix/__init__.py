"""Turns matrix.yaml and the command line's options into cells, and reports errors in the file."""
