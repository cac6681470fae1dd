"""The actor's distribution over action vectors."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

__all__ = ['ActionDistribution']

tfd = tfp.distributions


class ActionDistribution:
  """A Gaussian over continuous entries and a categorical over each group.

  The parts are independent given the observation.
  """

  def __init__(
    self,
    mean: tf.Tensor,
    std: tf.Tensor,
    group_logits: Sequence[tf.Tensor],
  ):
    """Joins the parts.

    Args:
      mean: `[B, C]`, units of the codec.
      std: `[B, C]`, same units.
      group_logits: One `[B, K]` for each one-hot group.
    """
    self.mean = mean
    self._gaussian = tfd.MultivariateNormalDiag(mean, std)
    self._groups = [
      tfd.OneHotCategorical(logits, dtype=tf.float32) for logits in group_logits
    ]
    self._sizes = [mean.shape[-1], *(g.shape[-1] for g in group_logits)]

  def log_prob(self, action: tf.Tensor) -> tf.Tensor:
    """Returns the log-likelihood `[B]` of actions `[B, A]`, in nats."""
    continuous, *groups = tf.split(action, self._sizes, axis=-1)
    parts = [self._gaussian.log_prob(continuous)]
    for group, value in zip(self._groups, groups, strict=True):
      parts.append(group.log_prob(value))
    return tf.add_n(parts)

  def mode(self) -> tf.Tensor:
    """Returns the likeliest action `[B, A]`, inside the bounds."""
    continuous = tf.clip_by_value(self.mean, -1.0, 1.0)
    return tf.concat(
      [continuous, *(tf.cast(g.mode(), tf.float32) for g in self._groups)],
      axis=-1,
    )

  def sample(self, count: int, seed: tf.Tensor) -> tf.Tensor:
    """Draws actions `[B, count, A]`, clipped to the bounds.

    Args:
      count: Number of actions for each observation.
      seed: int32 `[2]`; equal seeds give equal actions.
    """
    seeds = tf.random.experimental.stateless_split(seed, 1 + len(self._groups))
    continuous = self._gaussian.sample(count, seed=seeds[0])
    parts = [tf.clip_by_value(continuous, -1.0, 1.0)]
    for index, group in enumerate(self._groups):
      parts.append(group.sample(count, seed=seeds[index + 1]))
    return tf.einsum('nba->bna', tf.concat(parts, axis=-1))
