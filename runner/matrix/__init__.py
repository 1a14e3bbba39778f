"""matrix.yaml and the command line's options become cells."""
