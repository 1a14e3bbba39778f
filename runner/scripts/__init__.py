"""Turns what a user names (a file, notebook, folder, module, standard input) into a script."""
