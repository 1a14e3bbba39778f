"""The TensorFlow releases that exist: the catalogue, specifiers, and the package index."""
