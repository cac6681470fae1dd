"""Averages that are defined over nothing, too, and over all replicas."""

import tensorflow as tf

from awopt_agent.learning import replicas

__all__ = ['total', 'weighted_mean']


def total(weights: tf.Tensor) -> tf.Tensor:
  """Returns the sum of `[B]` weights; of several replicas', the mean of sums.

  A replica that divides by it, and not by a sum of its own, gives each
  transition the same say wherever it landed: the mean of what all replicas get
  is the quotient over all transitions.
  """
  return replicas.mean(tf.reduce_sum(weights))


def weighted_mean(
  values: tf.Tensor, weights: tf.Tensor, weights_total: tf.Tensor
) -> tf.Tensor:
  """Returns the weighted mean of `[B]` values; 0 where no weight is.

  Args:
    values: `[B]`.
    weights: `[B]`.
    weights_total: Of `total`, which need not be asked for again.
  """
  return tf.math.divide_no_nan(tf.reduce_sum(values * weights), weights_total)
