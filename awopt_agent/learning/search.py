"""The action that a critic values most."""

from typing import Any

import tensorflow as tf

from awopt_agent.learning import action_codec, cem
from awopt_agent.learning.networks import base

__all__ = ['best_action']


def best_action(
  observation: Any,
  critic: base.Critic,
  codec: action_codec.ActionCodec,
  *,
  config: cem.CemConfig,
  seed: tf.Tensor,
  candidate: tf.Tensor | None = None,
  first_mean: tf.Tensor | None = None,
) -> cem.CemResult:
  """Maximises a critic at each observation of a batch by CEM.

  Args:
    observation: Nest of `[B, ...]`.
    critic: Encodes once, scores many.
    codec: Of the actions.
    config: Sizes of the search.
    seed: int32 `[2]`.
    candidate: `[B, A]` action that competes, or None.
    first_mean: `[B, A]` action around which the search begins, or None.

  Returns:
    Actions `[B, A]` and their scores `[B]`.
  """
  features = critic.encode(observation)
  return cem.maximize(
    lambda actions: critic.score(features, actions),
    batch_size=tf.shape(tf.nest.flatten(features)[0])[0],
    continuous_size=codec.continuous_size,
    discrete_sizes=codec.discrete_sizes,
    seed=seed,
    config=config,
    candidate=candidate,
    first_mean=first_mean,
  )
