"""tfmatrix: in which TensorFlow releases does this happen?"""

__version__ = "0.1.0"
