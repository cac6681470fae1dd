"""The optimiser of critic and actor."""

from collections.abc import Sequence

import tensorflow as tf

__all__ = ['adam']


def adam(
  learning_rate: float,
  weight_decay: float,
  variables: Sequence[tf.Variable],
) -> tf.keras.optimizers.Optimizer:
  """Makes AdamW (arXiv:1711.05101) whose decay spares the biases.

  Args:
    learning_rate: Of Adam.
    weight_decay: Share of the learning rate by which a step shrinks weights.
    variables: What it will optimise.
  """
  optimizer = tf.keras.optimizers.AdamW(
    learning_rate, weight_decay, jit_compile=False
  )
  optimizer.exclude_from_weight_decay(var_names=['bias'])
  # The slots must exist before a checkpoint is restored into them.
  optimizer.build(variables)
  return optimizer
