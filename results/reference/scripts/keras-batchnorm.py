"""Do the moving statistics of batch normalisation move? tf.layers against tf.keras.layers.

A small classifier with one batch normalisation is trained for five steps, on white images
("positives") or on white and black ones through the same variables ("both"). Each case builds
or trains it in another way, and all of them are asked one question:

    pass   training ran, and the moving mean and variance moved as with tf.layers
    fail   anything else: TensorFlow's own error, or one of the three verdicts below
    skip   the case makes no sense on this release: exit 125, with the reason

Every image is of one colour, so the variance within a batch is zero, and each update leaves
0.99 of the moving variance. What n updates leave of the initial 1.0 is known beforehand,
whatever the weights: 0.99^n. The verdict rests on that closed form.

    python repro/keras_batchnorm.py --list
    python repro/keras_batchnorm.py keras-shape-positives

Runs on TensorFlow 1.12 to 2.21 and Python 3.6 to 3.13, with the API that each release has.
Where an API is gone, the error that TensorFlow raises is the result.
"""

import json
import random
import sys
from functools import partial

import numpy as np
import tensorflow as tf

STEPS = 5
BATCH = 10
LEARNING_RATE = 1e-3
MOMENTUM = 0.99  # of the moving statistics: the default of tf.layers and of Keras
TOLERANCE = 1e-5  # on the variance: the closed forms are 9e-5 apart, float32 is off by 1e-7
SEED = 4  # with this one some units of the first layer are alive on every release

WHITE, BLACK = 1, 0  # the value of each pixel, and the label
DATA = {"positives": (WHITE,), "both": (WHITE, BLACK)}


# --- What differs between releases -------------------------------------------------------

TF_1 = tf.__version__.startswith("1.")
KERAS_3 = hasattr(tf.keras, "ops")  # from TensorFlow 2.16 on
# Where the API of graph and session is. 1.12 does not know tf.compat.v1 yet.
v1 = tf if TF_1 else tf.compat.v1


def use_session():
    """Graph and session; returns the Keras that goes with it.

    In 2.x a tf.Graph alone is not enough: layers would still be of the kind made for eager
    execution, which offer no updates to run.
    """
    if not TF_1:
        v1.disable_v2_behavior()
    seed()
    return v1.keras


def use_eager():
    """The default of 2.x; returns the Keras that goes with it."""
    if TF_1:
        tf.enable_eager_execution()
    seed()
    return tf.keras


def seed():
    """After the mode is chosen: TensorFlow keeps a seed for each. Keras 3 draws on Python's."""
    random.seed(SEED)
    np.random.seed(SEED)
    v1.set_random_seed(SEED)


def gradient_descent():
    """The optimizer of tf.train, except where Keras takes none but its own."""
    if KERAS_3 or (tf.executing_eagerly() and not TF_1):
        return tf.keras.optimizers.SGD(LEARNING_RATE)
    return v1.train.GradientDescentOptimizer(LEARNING_RATE)


# --- Data and classifier -----------------------------------------------------------------


def images_and_labels(colour):
    """As many images of a colour as all steps together take."""
    images = np.full((STEPS * BATCH, 28, 28, 1), colour, np.float32)
    labels = np.full((STEPS * BATCH, 1), colour, np.int8)
    return images, labels


def batches_of(dataset_class, data):
    """For each colour a dataset of its batches."""
    return [dataset_class.from_tensor_slices(images_and_labels(c)).batch(BATCH) for c in data]


CONVOLUTION = {"kernel_size": (3, 3), "strides": (2, 2), "activation": tf.nn.relu}


def layers_classifier(images):
    """The logits by tf.layers. Called again, it shares the variables of the first call."""
    with v1.variable_scope("classifier", reuse=v1.AUTO_REUSE):
        net = v1.layers.Conv2D(8, **CONVOLUTION)(images)
        net = v1.layers.BatchNormalization(momentum=MOMENTUM)(net, training=True)
        net = v1.layers.Conv2D(1, **CONVOLUTION)(net)
        return v1.layers.Dense(1)(v1.layers.Flatten()(net))


def keras_classifier(keras, form):
    """The same as a Keras model. `form` says how it learns the shape of its input:

    shape: from input_shape; layer: from an InputLayer; dynamic: from the first call.
    """
    model = keras.Sequential()
    if form == "layer":
        model.add(keras.layers.InputLayer((28, 28, 1)))
    shape = {"input_shape": (28, 28, 1)} if form == "shape" else {}
    model.add(keras.layers.Conv2D(8, **CONVOLUTION, **shape))
    model.add(keras.layers.BatchNormalization(momentum=MOMENTUM))
    model.add(keras.layers.Conv2D(1, **CONVOLUTION))
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(1))
    return model


def cross_entropy(labels, logits):
    return v1.losses.sigmoid_cross_entropy(labels, logits)


# --- Graph and session -------------------------------------------------------------------


def layers_in_session(_form, data):
    use_session()
    batches = next_batches(data)
    loss = sum(cross_entropy(labels, layers_classifier(images)) for images, labels in batches)
    updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    observe("update_ops_in_collection", len(updates))
    train(loss, updates, v1.global_variables(), data)


def keras_in_session(form, data):
    model, _, loss = keras_graph(form, data)
    train(loss, model.updates, model.variables, data)


def without_updates(form, data):
    model, _, loss = keras_graph(form, data)
    train(loss, [], model.variables, data)


def updates_alone(form, data):
    model, _, _ = keras_graph(form, data)
    run_steps({"updates": model.updates}, model.variables, data)


def trainable_instead(form, data):
    """Up to TensorFlow 2.1 some runs end in NaN where the others leave the statistics frozen.

    Which of the two is chance, so both have one verdict; the observations tell them apart.
    """
    model, _, loss = keras_graph(form, data, learning_phase=False)
    try:
        train(loss, model.updates, model.variables, data)
    except (StatisticsFrozen, NotFinite):
        unheeded = NoLearningPhase("the moving statistics are frozen or NaN: trainable is ignored")
        raise unheeded from None


def updates_for_inputs(form, data):
    model, inputs, loss = keras_graph(form, data)
    updates = [update for images in inputs for update in model.get_updates_for(images)]
    observe("updates_for_inputs", len(updates))
    train(loss, updates, model.variables, data)


def keras_graph(form, data, learning_phase=True):
    """A Keras model, the tensors that it is called on, and the loss."""
    keras = use_session()
    if learning_phase:
        keras.backend.set_learning_phase(True)
    model = keras_classifier(keras, form)
    if not learning_phase:
        model.trainable = True
    batches = next_batches(data)
    loss = sum(cross_entropy(labels, model(images)) for images, labels in batches)
    observe("update_ops_in_collection", len(v1.get_collection(v1.GraphKeys.UPDATE_OPS)))
    observe("model_updates", len(model.updates))
    return model, [images for images, _ in batches], loss


def next_batches(data):
    """For each colour the tensors of its next batch: tf.data, and no placeholder."""
    return [d.make_one_shot_iterator().get_next() for d in batches_of(v1.data.Dataset, data)]


def train(loss, updates, variables, data):
    with tf.control_dependencies(updates):
        step = gradient_descent().minimize(loss)
    run_steps({"loss": loss, "step": step}, variables, data)


def run_steps(fetches, variables, data):
    moving = [the_one(variables, "moving_mean"), the_one(variables, "moving_variance")]
    initialize = v1.global_variables_initializer()
    with v1.Session() as session:
        session.run(initialize)
        fetched = [session.run(fetches) for _ in range(STEPS)]
        mean, variance = session.run(moving)
    losses = [values["loss"] for values in fetched if "loss" in values]
    judge(losses, mean, variance, closed_forms(STEPS, len(data)))


def the_one(variables, name):
    (variable,) = [variable for variable in variables if name in variable.name]
    return variable


# --- Keras's own training ----------------------------------------------------------------


def fit(mode, form, data):
    """One epoch of five white batches, then of as many black ones where there are any."""
    model = compiled_classifier(mode(), form)
    images, labels = (np.concatenate(parts) for parts in zip(*map(images_and_labels, data)))
    history = model.fit(images, labels, batch_size=BATCH, epochs=1, shuffle=False, verbose=0)
    judge_model(model, history.history["loss"], data)


def train_on_batch(mode, form, data):
    """White and black batches in turn."""
    model = compiled_classifier(mode(), form)
    batches = [(images[:BATCH], labels[:BATCH]) for images, labels in map(images_and_labels, data)]
    losses = [model.train_on_batch(*batch) for _ in range(STEPS) for batch in batches]
    judge_model(model, losses, data)


def compiled_classifier(keras, form):
    model = keras_classifier(keras, form)
    model.compile(gradient_descent(), loss=cross_entropy)
    return model


# --- Eager execution and tf.function -----------------------------------------------------


def eager(form, data):
    train_eagerly(use_eager(), training_step, form, data)


def function(form, data):
    if not hasattr(tf, "function"):
        skip("no tf.function: it came with TensorFlow 1.14")
    train_eagerly(use_eager(), tf.function(training_step), form, data)


def train_eagerly(keras, step, form, data):
    model = keras_classifier(keras, form)
    optimizer = gradient_descent()
    steps = zip(*batches_of(tf.data.Dataset, data))
    losses = [float(step(model, optimizer, batches)) for batches in steps]
    judge_model(model, losses, data)


def training_step(model, optimizer, batches):
    with tf.GradientTape() as tape:
        loss = 0.0
        for images, labels in batches:
            loss += cross_entropy(labels, model(images, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


# --- The verdict -------------------------------------------------------------------------
# Its messages hold no number of the run: the same failure then reads the same on all releases.


class StatisticsFrozen(Exception):
    """Training ran, and left the moving mean and variance as they were made."""


class StatisticsDiffer(Exception):
    """They moved, but not as with tf.layers."""


class NotFinite(Exception):
    """Something became NaN or infinite."""


class NoLearningPhase(Exception):
    """Batch normalisation was not told that this is training."""


def judge_model(model, losses, data):
    """Outside a session the updates of a shared layer run one after the other."""
    (layer,) = [layer for layer in model.layers if "batch_normalization" in layer.name]
    _gamma, _beta, mean, variance = layer.get_weights()
    judge(losses, mean, variance, closed_forms(STEPS * len(data), 1))


def judge(losses, mean, variance, forms):
    frozen = np.all(mean == 0) and np.all(variance == 1)
    fitting = [how for how, left in forms.items() if near(variance, left)]
    observe("losses", losses)
    observe("moving_mean", mean)
    observe("moving_variance", variance)
    observe("updates_applied", "never" if frozen else fitting[0] if fitting else "otherwise")
    if not all(np.all(np.isfinite(values)) for values in (losses, mean, variance)):
        raise NotFinite("a loss, the moving mean or the moving variance is NaN or infinite")
    if frozen:
        raise StatisticsFrozen("the moving mean and variance never moved")
    if not fitting or not np.any(mean > 0):
        raise StatisticsDiffer("the moving mean and variance moved, but not as with tf.layers")


def near(variance, left):
    return np.allclose(variance, left, rtol=0, atol=TOLERANCE)


def closed_forms(steps, calls):
    """How the updates may have run, in words -> what this leaves of the moving variance.

    The `calls` of the layer within one run of a session race, with tf.layers too: nothing orders
    their updates. Two in sequence leave 0.99 * 0.99 = 0.9801; side by side, both having read the
    old value before either wrote, they leave 1 - 0.01 - 0.01 = 0.98. Each step is a race of its
    own. Which of the two comes first shows in the moving mean, by up to 1%.
    """
    sequence, side_by_side = MOMENTUM**calls, 1 - calls * (1 - MOMENTUM)
    return {
        in_words(steps, calls, raced): side_by_side**raced * sequence ** (steps - raced)
        for raced in range(steps + 1 if calls > 1 else 1)
    }


def in_words(steps, calls, raced):
    if raced == 0:
        return f"in sequence (0.99^{steps * calls})"
    if raced == steps:
        return f"side by side (0.98^{steps})"
    return f"side by side in {raced} of {steps} steps (0.98^{raced} * 0.9801^{steps - raced})"


def observe(name, value):
    """Prints a value for tfmatrix to keep and to compare between releases, as strict JSON."""
    print(f"::observe {name}={json.dumps(plain(value), allow_nan=False)}", flush=True)


def plain(value):
    """What JSON can hold. Six decimals: the last bits depend on the order of a sum."""
    if isinstance(value, (str, int)):
        return value
    if np.ndim(value):
        return [plain(item) for item in value]
    return round(float(value), 6) if np.isfinite(value) else str(float(value))


def skip(reason):
    print(reason, file=sys.stderr)
    sys.exit(125)


# --- The cases: each trial with each of DATA ---------------------------------------------

TRIALS = {
    # The six experiments. In those with Keras, every step runs model.updates.
    "layers": (layers_in_session, None, "experiments 1 and 2: tf.layers"),
    "keras-shape": (keras_in_session, "shape", "experiments 3 and 4: Keras, input_shape"),
    "keras-dynamic": (keras_in_session, "dynamic", "experiments 5 and 6: Keras, no shape"),
    # Variations on them, in graph and session too.
    "keras-layer": (keras_in_session, "layer", "an InputLayer in place of input_shape"),
    "no-updates": (without_updates, "shape", "training without model.updates"),
    "updates-alone": (updates_alone, "shape", "model.updates without training"),
    "trainable": (trainable_instead, "dynamic", "model.trainable in place of the learning phase"),
    "updates-for": (updates_for_inputs, "shape", "the workaround: model.get_updates_for(x)"),
    # Training left to Keras.
    "fit": (partial(fit, use_session), "shape", "fit, session"),
    "train-on-batch": (partial(train_on_batch, use_session), "shape", "train_on_batch, session"),
    "eager-fit": (partial(fit, use_eager), "shape", "fit, eager"),
    "eager-train-on-batch": (partial(train_on_batch, use_eager), "shape", "train_on_batch, eager"),
    # A loop of one's own.
    "eager-shape": (eager, "shape", "eager execution, input_shape"),
    "eager-layer": (eager, "layer", "eager execution, InputLayer"),
    "eager-dynamic": (eager, "dynamic", "eager execution, no shape"),
    "function-shape": (function, "shape", "tf.function, input_shape"),
    "function-layer": (function, "layer", "tf.function, InputLayer"),
    "function-dynamic": (function, "dynamic", "tf.function, no shape"),
}
CASES = {f"{trial}-{data}": (trial, data) for trial in TRIALS for data in DATA}


def main(arguments):
    if arguments == ["--list"]:
        for case, (trial, data) in CASES.items():
            print(f"{case:<30}  {TRIALS[trial][-1]}; {data}")
    elif len(arguments) == 1 and arguments[0] in CASES:
        trial, data = CASES[arguments[0]]
        run, form, _about = TRIALS[trial]
        run(form, DATA[data])
    else:
        print("usage: keras_batchnorm.py CASE (--list prints the cases)", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
