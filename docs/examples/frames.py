# /// script
# requires-python = ">=3.7"
# dependencies = ["tensorflow==2.9.3", "pandas", "scikit-learn"]
# ///
import pandas as pd
import tensorflow as tf
from sklearn.preprocessing import scale

frame = pd.DataFrame({"x": [1.0, 2.0], "y": [2.0, 4.0]})
scaled = tf.constant(scale(frame), tf.float32)
assert float(tf.reduce_sum(scaled)) == 0.0
print(f'::observe pandas="{pd.__version__}"')
