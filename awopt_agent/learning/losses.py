"""Losses of the critic and of the actor. Pure functions."""

import tensorflow as tf

from awopt_agent.learning import averages

__all__ = [
  'actor_loss',
  'advantage_weights',
  'critic_cross_entropy',
  'critic_squared_error',
  'softmax_weights',
]


def critic_cross_entropy(score: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
  """Returns the cross-entropy `[B]` of values in [0, 1], in nats.

  Args:
    score: `[B]` logits of the critic's value.
    target: `[B]` Bellman targets; clipped to [0, 1].

  Source: QT-Opt (arXiv:1806.10293) section 4.2.
  """
  score.shape.assert_is_compatible_with(target.shape)
  return tf.nn.sigmoid_cross_entropy_with_logits(
    labels=tf.clip_by_value(target, 0.0, 1.0), logits=score
  )


def critic_squared_error(score: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
  """Returns the squared error `[B]` of values `score` to `target`."""
  score.shape.assert_is_compatible_with(target.shape)
  return tf.math.squared_difference(score, target)


def advantage_weights(
  q_logged: tf.Tensor,
  q_actor: tf.Tensor,
  *,
  temperature: float,
  max_weight: float,
) -> tf.Tensor:
  """Weighs each logged action by how far it beats the actor's own.

  Args:
    q_logged: `[B]` critic value of the logged action, in return units.
    q_actor: `[B]` critic value of the actor's action, same units.
    temperature: Advantage, in return units, that multiplies a weight by e.
    max_weight: Upper clip, dimensionless.

  Returns:
    `[B]` weights in `[0, max_weight]`; no gradient flows through them.

  Raises:
    ValueError: If `temperature <= 0` or the shapes differ.

  Source: AWAC (arXiv:2006.09359) eq. 13, without its normaliser, as in
    AW-Opt (arXiv:2111.05424) algorithm 1, line 16.
  """
  _check_temperature(temperature)
  q_logged.shape.assert_is_compatible_with(q_actor.shape)
  advantage = (q_logged - q_actor) / temperature
  # Clipped before exp, which would overflow to inf first.
  limit = tf.math.log(tf.constant(max_weight, advantage.dtype))
  return tf.stop_gradient(tf.exp(tf.minimum(advantage, limit)))


def softmax_weights(
  advantage: tf.Tensor, keep: tf.Tensor, *, temperature: float
) -> tf.Tensor:
  """Weighs the kept actions of a batch against each other.

  Args:
    advantage: `[B]`, in return units.
    keep: bool `[B]`, which actions take part.
    temperature: Advantage, in return units, that multiplies a weight by e.

  Returns:
    `[B]` weights whose mean over the kept ones is 1, and 0 for the others; no
    gradient flows through them.

  Raises:
    ValueError: If `temperature <= 0` or the shapes differ.

  Source: AWAC (arXiv:2006.09359) eq. 13, whose normaliser its authors' code
    takes over the batch.
  """
  _check_temperature(temperature)
  advantage.shape.assert_is_compatible_with(keep.shape)
  kept = tf.cast(keep, advantage.dtype)
  logits = tf.where(keep, advantage / temperature, advantage.dtype.min)
  shares = tf.nn.softmax(logits) * kept
  return tf.stop_gradient(shares * tf.reduce_sum(kept))


def actor_loss(
  log_prob: tf.Tensor,
  weight: tf.Tensor,
  keep: tf.Tensor,
  *,
  keep_total: tf.Tensor | None = None,
) -> tf.Tensor:
  """Returns the weighted negative log-likelihood of the kept actions.

  Args:
    log_prob: `[B]` log-likelihood of the logged actions, in nats.
    weight: `[B]` advantage weights.
    keep: bool `[B]`, the success filter; all True for none.
    keep_total: Scalar to divide by, for a batch that is a replica's part of
      one; None for the number of kept actions.

  Returns:
    Scalar: the mean over the kept actions; 0 where none is kept.

  Source: AW-Opt (arXiv:2111.05424) section 4.2 (b), algorithm 1, line 16.
  """
  log_prob.shape.assert_is_compatible_with(weight.shape)
  log_prob.shape.assert_is_compatible_with(keep.shape)
  kept = tf.cast(keep, log_prob.dtype)
  if keep_total is None:
    keep_total = tf.reduce_sum(kept)
  return averages.weighted_mean(-log_prob * weight, kept, keep_total)


def _check_temperature(temperature: float) -> None:
  if not temperature > 0:
    raise ValueError(
      f'temperature must be > 0, got {temperature}; '
      'bind ActorConfig.temperature in your gin file.'
    )
