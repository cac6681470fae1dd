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
    Actions `[B, A]`, their scores `[B]`, and where the candidate won.
  """
  features = critic.encode(observation)
  result = cem.maximize(
    _scorer(critic, features, tf.as_dtype(config.dtype)),
    batch_size=tf.shape(tf.nest.flatten(features)[0])[0],
    continuous_size=codec.continuous_size,
    discrete_sizes=codec.discrete_sizes,
    seed=seed,
    config=config,
    candidate=candidate,
    first_mean=first_mean,
  )
  if config.dtype == 'float32':
    return result
  score = critic.score(features, result.action[:, tf.newaxis])[:, 0]
  return result._replace(score=score)


def _scorer(critic: base.Critic, features: Any, dtype: tf.DType):
  """Returns the function `[B, N, A]` to `[B, N]` that is maximised.

  A critic computes in the type of what it is given. Scores come out as
  float32, for `top_k` knows no other on some devices.
  """
  if dtype == tf.float32:
    return lambda actions: critic.score(features, actions)
  cast = tf.nest.map_structure(lambda x: tf.cast(x, dtype), features)

  def score(actions: tf.Tensor) -> tf.Tensor:
    return tf.cast(critic.score(cast, tf.cast(actions, dtype)), tf.float32)

  return score
