"""Saves a small Keras model in each format that the release has, for load_model.py.

What the release cannot save is named in not_saved.json, with the reason; load_model.py then ends
with 125 for that format. Python 3.6 or newer, TensorFlow 1.12 or newer.
"""

import json
import os
import zipfile

import numpy as np
import tensorflow as tf

GRAPHS = tf.__version__.startswith("1.")  # the default: graphs and sessions


def small_model():
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Dense(5, activation="relu", input_shape=(4,), name="hidden"),
            tf.keras.layers.BatchNormalization(name="normal"),
            tf.keras.layers.Dense(2, name="last"),
        ]
    )
    weights = [np.linspace(0.1, 1.0, each.size).reshape(each.shape) for each in model.get_weights()]
    model.set_weights(weights)
    return model


def save_saved_model():
    if GRAPHS:
        session = tf.keras.backend.get_session()
        ends = {"inputs": {"rows": model.input}, "outputs": {"values": model.output}}
        tf.saved_model.simple_save(session, "saved_model", **ends)
    else:
        tf.saved_model.save(model, "saved_model")


def save_keras():
    model.save("model.keras")
    if not zipfile.is_zipfile("model.keras"):
        if os.path.isfile("model.keras"):
            os.remove("model.keras")
        raise NotImplementedError("this release writes no .keras archives")


def save_checkpoint():
    checkpoint = tf.train.Checkpoint(model=model)
    if GRAPHS:
        checkpoint.save("checkpoint/model", session=tf.keras.backend.get_session())
    else:
        checkpoint.save("checkpoint/model")


SAVERS = {
    "saved_model": save_saved_model,
    ".h5": lambda: model.save("model.h5"),
    ".h5-uncompiled": lambda: small_model().save("uncompiled.h5"),
    ".keras": save_keras,
    ".weights.h5": lambda: model.save_weights("model.weights.h5"),
    "checkpoint": save_checkpoint,
}

model = small_model()
model.compile(optimizer="adam", loss="mse")
rows = np.arange(12.0, dtype="float32").reshape(3, 4) / 10
np.savez("expected.npz", rows=rows, values=model.predict(rows))
not_saved = {}
for name, save in SAVERS.items():
    try:
        save()
        print("saved", name)
    except Exception as error:
        not_saved[name] = "{}: {}".format(type(error).__name__, error)
        print("not saved", name, not_saved[name])
with open("not_saved.json", "w") as file:
    json.dump(not_saved, file)
