import numpy as np
import tensorflow as tf

from awopt_agent.learning import averages


def test_values_count_by_their_weights():
  mean = averages.weighted_mean(
    tf.constant([1.0, 5.0]), tf.constant([3.0, 1.0])
  )
  np.testing.assert_allclose(mean, 2.0)  # (3 * 1 + 5) / 4.


def test_the_mean_of_nothing_is_zero():
  assert averages.weighted_mean(tf.constant([7.0]), tf.constant([0.0])) == 0
