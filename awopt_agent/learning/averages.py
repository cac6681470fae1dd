"""Averages that are defined over nothing, too."""

import tensorflow as tf

__all__ = ['weighted_mean']


def weighted_mean(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
  """Returns the weighted mean of `[B]` values; 0 where no weight is."""
  return tf.math.divide_no_nan(
    tf.reduce_sum(values * weights), tf.reduce_sum(weights)
  )
