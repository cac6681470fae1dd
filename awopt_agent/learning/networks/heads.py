"""From an actor's features to its distribution."""

import math
from collections.abc import Sequence

import gin
import tensorflow as tf

from awopt_agent.learning import action_distribution
from awopt_agent.learning.networks import blocks

__all__ = ['ActorHead']

_KINDS = ('gaussian', 'tanh_gaussian', 'mixture')


@gin.configurable(
  denylist=['inputs', 'continuous_size', 'discrete_sizes', 'seed', 'name']
)
class ActorHead(tf.Module):
  """The last layer of an actor; what it gives is chosen by gin."""

  def __init__(
    self,
    inputs: int,
    continuous_size: int,
    discrete_sizes: Sequence[int],
    *,
    kind: str = 'gaussian',
    components: int = 5,
    min_std: float = 0.1,
    max_std: float = 1.0,
    seed: int = 0,
    name: str = 'actor_head',
  ):
    """Builds the layer.

    Args:
      inputs: F, length of the features.
      continuous_size: C, continuous entries of an action vector.
      discrete_sizes: Length of each one-hot group after them.
      kind: 'gaussian', 'tanh_gaussian' or 'mixture', of the continuous part.
      components: Gaussians of a mixture.
      min_std: Least standard deviation, in units of the codec; of a tanh
        Gaussian, before the tanh.
      max_std: Greatest standard deviation, same units.
      seed: Of the initial weights.
      name: Of the module.

    Raises:
      ValueError: If the kind is unknown or the bounds are no range.
    """
    super().__init__(name=name)
    if kind not in _KINDS:
      raise ValueError(
        f'ActorHead.kind must be one of {", ".join(_KINDS)}, got {kind!r}.'
      )
    if not 0 < min_std < max_std:
      raise ValueError(
        f'need 0 < min_std < max_std, got {min_std} and {max_std}; bind '
        'ActorHead.min_std and ActorHead.max_std.'
      )
    if components < 1:
      raise ValueError(f'ActorHead.components must be >= 1, got {components}.')
    self._kind = kind
    self._components = components if kind == 'mixture' else 1
    self._log_std_bounds = math.log(min_std), math.log(max_std)
    shape = self._components * continuous_size
    shares = components if kind == 'mixture' else 0
    self._sizes = [shape, shape, shares, *discrete_sizes]
    self._layer = blocks.Dense(
      inputs, sum(self._sizes), seed=seed, scale=0.1, name='output'
    )

  def __call__(
    self, features: tf.Tensor
  ) -> action_distribution.ActionDistribution:
    """Maps features `[B, F]` to a distribution."""
    location, raw_std, shares, *logits = tf.split(
      self._layer(features), self._sizes, axis=-1
    )
    low, high = self._log_std_bounds
    std = tf.exp(low + (high - low) * tf.sigmoid(raw_std))
    return action_distribution.ActionDistribution(
      self._continuous(location, std, shares), logits
    )

  def _continuous(self, location, std, shares):
    if self._kind == 'tanh_gaussian':
      return action_distribution.TanhGaussian(location, std)
    if self._kind == 'gaussian':
      return action_distribution.Gaussian(tf.tanh(location), std)
    means, stds = (
      # Not -1 rows: they cannot be told where nothing is continuous.
      tf.reshape(
        x, [tf.shape(x)[0], self._components, x.shape[-1] // self._components]
      )
      for x in (tf.tanh(location), std)
    )
    return action_distribution.GaussianMixture(shares, means, stds)
