import numpy as np
import tensorflow as tf

from awopt_agent.learning import averages


def test_values_count_by_their_weights():
  mean = averages.weighted_mean(
    tf.constant([1.0, 5.0]), tf.constant([3.0, 1.0]), tf.constant(4.0)
  )
  np.testing.assert_allclose(mean, 2.0)  # (3 * 1 + 5) / 4.


def test_the_mean_of_nothing_is_zero():
  none = tf.constant([0.0])
  assert averages.weighted_mean(tf.constant([7.0]), none, none[0]) == 0


def test_the_total_of_a_learner_without_replicas_is_the_sum():
  assert averages.total(tf.constant([0.5, 2.0])) == 2.5
