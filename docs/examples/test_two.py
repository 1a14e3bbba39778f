import pytest
import tensorflow as tf


def test_sums():
    assert float(tf.reduce_sum(tf.constant([1.0, 2.0]))) == 3.0


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_learning_rate_is_called_lr(rate):
    assert tf.keras.optimizers.SGD(rate).lr is not None


class TestLayers:
    def test_layers_are_there(self):
        assert tf.compat.v1.layers.Dense(1) is not None

    @pytest.mark.skip(reason="needs a GPU")
    def test_on_gpu(self):
        raise AssertionError
