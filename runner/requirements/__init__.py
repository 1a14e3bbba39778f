"""What scripts ask for besides TensorFlow: in themselves, in requirements files, in projects."""
