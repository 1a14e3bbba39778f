"""A light script: 0.1 s of one core after importing TensorFlow, whatever the release."""

import sys
import time

import tensorflow as tf

until = time.perf_counter() + 0.1
while time.perf_counter() < until:
    pass
print("hello", sys.argv[1], "from", tf.__version__)
