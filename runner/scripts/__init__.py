"""What a user names (a file, a notebook, a folder, a module, standard input) → a Python script."""
