"""Bellman targets."""

import tensorflow as tf

__all__ = ['n_step_target']


def n_step_target(
  reward: tf.Tensor, discount: tf.Tensor, next_value: tf.Tensor
) -> tf.Tensor:
  """Returns the discounted rewards of n steps and the value behind them.

  Args:
    reward: `[B, n]`, reward of each step.
    discount: `[B, n]`, our discount times the environment's, which is 0 where
      the episode ended in a terminal state and 1 elsewhere, also where it was
      truncated.
    next_value: `[B]`, value of the observation after the n steps.

  Returns:
    `[B]`, in return units; no gradient flows through it.

  Raises:
    ValueError: If n is not known or the shapes differ.

  Source: QT-Opt (arXiv:1806.10293) section 4.1; AW-Opt (arXiv:2111.05424)
    algorithm 1, line 13, for n = 1.
  """
  reward.shape.assert_is_compatible_with(discount.shape)
  reward.shape[:1].assert_is_compatible_with(next_value.shape)
  steps = reward.shape[1]
  if steps is None:
    raise ValueError('reward must have a known number of steps, got [B, None].')
  target = next_value
  for step in reversed(range(steps)):
    target = reward[:, step] + discount[:, step] * target
  return tf.stop_gradient(target)
