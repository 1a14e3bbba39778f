"""Which TensorFlow releases there are, and which of them are meant."""
