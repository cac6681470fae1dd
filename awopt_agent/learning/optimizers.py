"""The optimiser of critic and actor."""

from collections.abc import Sequence

import tensorflow as tf

__all__ = ['adam', 'apply']


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


def apply(
  optimizer: tf.keras.optimizers.Optimizer,
  gradients: Sequence[tf.Tensor | None],
  variables: Sequence[tf.Variable],
) -> None:
  """Takes one step along gradients that are the same in all replicas."""
  optimizer.apply_gradients(
    zip(gradients, variables, strict=True),
    # It would add them up, and the step must not grow with the replicas.
    skip_gradients_aggregation=True,
  )
