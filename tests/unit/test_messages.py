"""Real messages of TensorFlow over five releases: how many letters one failure gets.

`messages.json` has small scripts of the kinds that people report, and for each what it printed last
on standard error: the releases, then the text, without the frames that no rule looks at. A script
ran after `import numpy as np`, `import tensorflow as tf` and, in 1.15.5, `enable_eager_execution`.
What is the same failure was decided by reading the messages.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from runner.cells.signature import exit_signature

RELEASES = ("1.15.5", "2.4.4", "2.9.3", "2.15.1", "2.21.0")
MESSAGES: dict[str, Any] = json.loads(
    (Path(__file__).parent / "messages.json").read_text(encoding="utf-8")
)
OTHER_FAILURES = {
    "batch_norm_axis": ("2.21.0",),
    "einsum": ("1.15.5",),
    "estimator": ("2.21.0",),
    "feature_column": ("2.21.0",),
    "lite_converter": ("1.15.5",),
    "mixed_precision": ("1.15.5",),
    "predict_numpy_object": ("1.15.5",),
    "saved_model_missing": ("1.15.5",),
    "summary_writer": ("1.15.5",),
}
"""The releases on which a script fails in another way: what it calls is not there, for example."""
REWORDED = {
    "batch_norm_axis",
    "call_arguments",
    "callback_monitor",
    "cardinality",
    "concatenate_layers",
    "conv_rank",
    "conv_too_small",
    "custom_layer_get_config",
    "dataset_generator_type",
    "decode_jpeg",
    "gradient_persistent",
    "graph_disconnected",
    "keras_optimizer_lr",
    "layer_name_spaces",
    "mixed_precision",
    "not_built_weights",
    "not_compiled",
    "predict_numpy_object",
    "set_weights_shape",
    "variable_shape",
}
"""Whole sentences that a release words anew, so that one failure has several letters. A script that
gets one letter leaves this set; none may come into it."""

Failure = tuple[str, bool]


def failures() -> dict[Failure, set[str]]:
    """The signatures of each failure."""
    found: dict[Failure, set[str]] = defaultdict(set)
    for script, record in MESSAGES.items():
        for releases, text in record["printed"].items():
            for release in releases.split():
                other = release in OTHER_FAILURES.get(script, ())
                found[script, other].add(exit_signature(1, text))
    return found


def test_there_are_sixty_messages_of_five_releases() -> None:
    assert len(MESSAGES) >= 60
    told = {
        each for record in MESSAGES.values() for text in record["printed"] for each in text.split()
    }
    assert told == set(RELEASES)
    assert REWORDED | set(OTHER_FAILURES) <= set(MESSAGES)


def test_two_failures_share_no_letter() -> None:
    owners: dict[str, set[Failure]] = defaultdict(set)
    for failure, signatures in failures().items():
        for signature in signatures:
            owners[signature].add(failure)
    assert {one: who for one, who in owners.items() if len(who) > 1} == {}


def test_one_failure_has_one_letter_unless_it_is_worded_anew() -> None:
    split = {failure[0] for failure, signatures in failures().items() if len(signatures) > 1}
    assert split == REWORDED


@pytest.mark.parametrize(
    "script", ["checkpoint_existing", "load_model_missing_h5", "loss_unknown", "get_layer"]
)
def test_every_release_says_the_same_of_it(script: str) -> None:
    assert len(failures()[script, False]) == 1
    assert len(" ".join(MESSAGES[script]["printed"]).split()) == len(RELEASES)


def test_nothing_of_the_machine_stands_in_them() -> None:
    texts = json.dumps(MESSAGES)
    assert [
        each for each in ("/root", "/home/", "/tmp/w", ".cache", ".pyenv") if each in texts
    ] == []
