"""Bellman targets."""

import tensorflow as tf

__all__ = ['n_step_target']


def n_step_target(
  reward: tf.Tensor,
  discount: tf.Tensor,
  next_value: tf.Tensor,
  *,
  gamma: float,
) -> tf.Tensor:
  """Returns the discounted rewards of n steps and the value behind them.

  Args:
    reward: `[B, n]`, reward of each step.
    discount: `[B, n]`, from the environment: 0 where the episode ended in a
      terminal state, 1 elsewhere, also where it was truncated.
    next_value: `[B]`, value of the observation after the n steps.
    gamma: Our discount factor, in [0, 1].

  Returns:
    `[B]`, in return units; no gradient flows through it.

  Raises:
    ValueError: If `gamma` is outside [0, 1] or the shapes differ.

  Source: QT-Opt (arXiv:1806.10293) section 4.1; AW-Opt (arXiv:2111.05424)
    algorithm 1, line 13, for n = 1.
  """
  if not 0 <= gamma <= 1:
    raise ValueError(f'gamma must be in [0, 1], got {gamma}.')
  reward.shape.assert_is_compatible_with(discount.shape)
  reward.shape[:1].assert_is_compatible_with(next_value.shape)
  target = next_value
  steps = reward.shape[1]
  if steps is None:
    raise ValueError('reward must have a known number of steps, got [B, None].')
  for step in reversed(range(steps)):
    target = reward[:, step] + gamma * discount[:, step] * target
  return tf.stop_gradient(target)
