"""Shows that TensorFlow works here: trains by each way that a release has, reads weights back.

`import tensorflow` proves little: 2.6.0 with a newer Keras imports, and then nothing works. Runs
inside the environments, Python 3.6 to 3.13; prints the version last, or ends with an exception.
"""

import importlib
import importlib.util
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

VERSION = tuple(int(part) for part in tf.__version__.split(".")[:2])
INPUTS = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], "float32")
TARGETS = INPUTS.sum(axis=1, keepdims=True)


def train_in_graph():
    v1 = tf if VERSION < (1, 13) else tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        inputs = v1.placeholder(tf.float32, [None, 2])
        weights = v1.get_variable("weights", [2, 1], initializer=v1.zeros_initializer())
        loss = tf.reduce_mean(tf.square(tf.matmul(inputs, weights) - TARGETS))
        step = v1.train.GradientDescentOptimizer(0.1).minimize(loss)
        session.run(v1.global_variables_initializer())
        losses = [session.run([loss, step], {inputs: INPUTS})[0] for _ in range(5)]
    assert losses[-1] < losses[0], losses


def train_in_function():
    weights = tf.Variable(tf.zeros([2, 1]))

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.matmul(INPUTS, weights) - TARGETS))
        weights.assign_sub(0.1 * tape.gradient(loss, weights))
        return loss

    losses = [float(step()) for _ in range(5)]
    assert losses[-1] < losses[0], losses


def train_with(keras):
    model, other = small_model(keras), small_model(keras)
    model.compile(loss="mse", optimizer="adam")
    losses = model.fit(INPUTS, TARGETS, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0], losses
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.weights.h5")
        model.save_weights(path)
        other.load_weights(path)  # h5py 3 breaks this in releases made for h5py 2
    np.testing.assert_allclose(model.predict(INPUTS), other.predict(INPUTS), rtol=1e-4)


def small_model(keras):
    inputs = keras.layers.Input((2,))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(4)(inputs))
    return keras.models.Model(inputs, keras.layers.Dense(1)(hidden))


train_in_graph()
train_with(tf.keras)
if VERSION >= (2, 0):
    train_in_function()
if VERSION >= (2, 16) and importlib.util.find_spec("tf_keras"):  # not out yet for a candidate
    train_with(importlib.import_module("tf_keras"))
if VERSION < (2, 21):  # the last releases depend on TensorBoard no more
    importlib.import_module("tensorboard.default")
print(tf.__version__)
