"""Ends as a failed CHECK in TensorFlow's C++ does."""
import os
import sys

print("F ./tensorflow/core/framework/tensor.h:776] Check failed: new_num_elements == NumElements() (10 vs. 5)", file=sys.stderr)
os.abort()
