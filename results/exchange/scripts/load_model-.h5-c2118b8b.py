"""Loads what save_model.py saved in one format (its argument), and compares the predictions.

Exit code 125: the release that saved cannot save in this format. Python 3.6 or newer, TensorFlow
1.12 or newer.
"""

import json
import sys

import numpy as np
import tensorflow as tf

GRAPHS = tf.__version__.startswith("1.")  # the default: graphs and sessions


class PredictionsDiffer(Exception):
    """It loads, and predicts other values than the model that was saved."""


def load_saved_model():
    if GRAPHS:
        with tf.Session(graph=tf.Graph()) as session:
            saved = tf.saved_model.loader.load(session, ["serve"], "saved_model")
            served = saved.signature_def["serving_default"]
            (given,), (wanted,) = served.inputs.values(), served.outputs.values()
            return session.run(wanted.name, {given.name: rows})
    loaded = tf.saved_model.load("saved_model")  # its variables live as long as it does
    (values,) = loaded.signatures["serving_default"](tf.constant(rows)).values()
    return values.numpy()


def fresh_model():
    return tf.keras.Sequential(
        [
            tf.keras.layers.Dense(5, activation="relu", input_shape=(4,), name="hidden"),
            tf.keras.layers.BatchNormalization(name="normal"),
            tf.keras.layers.Dense(2, name="last"),
        ]
    )


def load_weights():
    model = fresh_model()
    model.load_weights("model.weights.h5")
    return model.predict(rows)


def load_checkpoint():
    model = fresh_model()
    path = tf.train.latest_checkpoint("checkpoint")
    status = tf.train.Checkpoint(model=model).restore(path)
    # Of the model's own variables, none may be missing; the file may hold more (an optimizer).
    getattr(status, "assert_existing_objects_matched", status.assert_consumed)()
    if GRAPHS:
        status.run_restore_ops(tf.keras.backend.get_session())
    return model.predict(rows)


LOADERS = {
    "saved_model": load_saved_model,
    ".h5": lambda: tf.keras.models.load_model("model.h5").predict(rows),
    ".h5-uncompiled": lambda: tf.keras.models.load_model("uncompiled.h5").predict(rows),
    ".keras": lambda: tf.keras.models.load_model("model.keras").predict(rows),
    ".weights.h5": load_weights,
    "checkpoint": load_checkpoint,
}

name = sys.argv[1]
with open("not_saved.json") as file:
    why_not = json.load(file).get(name)
if why_not:
    print("not saved as {}: {}".format(name, why_not), file=sys.stderr)
    sys.exit(125)
expected = np.load("expected.npz")
rows = expected["rows"]
values = LOADERS[name]()
if not np.allclose(values, expected["values"], atol=1e-5):
    raise PredictionsDiffer("they differ by {}".format(np.abs(values - expected["values"]).max()))
