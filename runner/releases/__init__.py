"""The TensorFlow releases that exist, and the selection among them."""
