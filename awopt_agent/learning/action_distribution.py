"""The actor's distribution over action vectors."""

import abc
import math
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

__all__ = [
  'ActionDistribution',
  'Continuous',
  'Gaussian',
  'GaussianMixture',
  'TanhGaussian',
]

tfd = tfp.distributions

# Logged actions may lie on the bounds, where a tanh never comes.
_INSIDE = 1.0 - 1e-4


class Continuous(abc.ABC):
  """A distribution over the continuous entries `[B, C]` of an action."""

  @abc.abstractmethod
  def log_prob(self, action: tf.Tensor) -> tf.Tensor:
    """Returns the log-likelihood `[B]`, nats."""

  @abc.abstractmethod
  def mode(self) -> tf.Tensor:
    """Returns the likeliest entries `[B, C]`, inside the bounds."""

  @abc.abstractmethod
  def sample(self, count: int, seed: tf.Tensor) -> tf.Tensor:
    """Draws entries `[count, B, C]`, inside the bounds."""


class Gaussian(Continuous):
  """Independent Gaussians; draws beyond the bounds are clipped to them.

  Source: AW-Opt (arXiv:2111.05424), project page.
  """

  def __init__(self, mean: tf.Tensor, std: tf.Tensor):
    """Takes `[B, C]` each, in units of the codec."""
    self._mean = mean
    self._gaussian = tfd.MultivariateNormalDiag(mean, std)

  def log_prob(self, action: tf.Tensor) -> tf.Tensor:
    return self._gaussian.log_prob(action)

  def mode(self) -> tf.Tensor:
    return _clip(self._mean)

  def sample(self, count: int, seed: tf.Tensor) -> tf.Tensor:
    return _clip(self._gaussian.sample(count, seed=seed))


class TanhGaussian(Continuous):
  """Independent Gaussians, squashed into the bounds by a tanh.

  Its mode is taken where the Gaussian's is, as is usual: the density's own
  mode runs into the bounds as the deviation grows.

  Source: SAC (arXiv:1801.01290) appendix C.
  """

  def __init__(self, location: tf.Tensor, std: tf.Tensor):
    """Takes `[B, C]` each, before the tanh."""
    self._location = location
    self._gaussian = tfd.MultivariateNormalDiag(location, std)

  def log_prob(self, action: tf.Tensor) -> tf.Tensor:
    raw = tf.atanh(tf.clip_by_value(action, -_INSIDE, _INSIDE))
    # log(1 - tanh(x)^2), without a difference of almost equal numbers.
    log_slope = 2.0 * (math.log(2.0) - raw - tf.nn.softplus(-2.0 * raw))
    return self._gaussian.log_prob(raw) - tf.reduce_sum(log_slope, axis=-1)

  def mode(self) -> tf.Tensor:
    return tf.tanh(self._location)

  def sample(self, count: int, seed: tf.Tensor) -> tf.Tensor:
    return tf.tanh(self._gaussian.sample(count, seed=seed))


class GaussianMixture(Continuous):
  """A mixture of `Gaussian`s, for demonstrations that disagree.

  AW-Opt (arXiv:2111.05424, section 6) blames its actor's single mode.
  """

  def __init__(self, logits: tf.Tensor, means: tf.Tensor, stds: tf.Tensor):
    """Takes weights `[B, K]`, as logits, and parts `[B, K, C]`."""
    self._means = means
    self._mixture = tfd.MixtureSameFamily(
      tfd.Categorical(logits), tfd.MultivariateNormalDiag(means, stds)
    )

  def log_prob(self, action: tf.Tensor) -> tf.Tensor:
    return self._mixture.log_prob(action)

  def mode(self) -> tf.Tensor:
    """Returns the mean `[B, C]` at which the mixture is densest."""
    at_means = tf.stack(
      [self._mixture.log_prob(mean) for mean in tf.unstack(self._means, axis=1)]
    )
    best = tf.argmax(at_means, axis=0, output_type=tf.int32)
    return _clip(tf.gather(self._means, best, batch_dims=1))

  def sample(self, count: int, seed: tf.Tensor) -> tf.Tensor:
    return _clip(self._mixture.sample(count, seed=seed))


class ActionDistribution:
  """A distribution over continuous entries and a categorical over each group.

  The parts are independent given the observation.
  """

  def __init__(self, continuous: Continuous, group_logits: Sequence[tf.Tensor]):
    """Joins the parts.

    Args:
      continuous: Over the first entries.
      group_logits: One `[B, K]` for each one-hot group after them.
    """
    self._continuous = continuous
    self._groups = [
      tfd.OneHotCategorical(logits, dtype=tf.float32) for logits in group_logits
    ]
    self._group_sizes = [logits.shape[-1] for logits in group_logits]

  def log_prob(self, action: tf.Tensor) -> tf.Tensor:
    """Returns the log-likelihood `[B]` of actions `[B, A]`, in nats."""
    rest = action.shape[-1] - sum(self._group_sizes)
    continuous, *groups = tf.split(action, [rest, *self._group_sizes], axis=-1)
    parts = [self._continuous.log_prob(continuous)]
    for group, value in zip(self._groups, groups, strict=True):
      parts.append(group.log_prob(value))
    return tf.add_n(parts)

  def mode(self) -> tf.Tensor:
    """Returns the likeliest action `[B, A]`, inside the bounds."""
    groups = [tf.cast(group.mode(), tf.float32) for group in self._groups]
    return tf.concat([self._continuous.mode(), *groups], axis=-1)

  def sample(self, count: int, seed: tf.Tensor) -> tf.Tensor:
    """Draws actions `[B, count, A]`, inside the bounds.

    Args:
      count: Number of actions for each observation.
      seed: int32 `[2]`; equal seeds give equal actions.
    """
    seeds = tf.random.experimental.stateless_split(seed, 1 + len(self._groups))
    parts = [self._continuous.sample(count, seeds[0])]
    for index, group in enumerate(self._groups):
      parts.append(group.sample(count, seed=seeds[index + 1]))
    return tf.einsum('nba->bna', tf.concat(parts, axis=-1))


def _clip(entries: tf.Tensor) -> tf.Tensor:
  return tf.clip_by_value(entries, -1.0, 1.0)
