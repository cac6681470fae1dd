"""QT-Opt's network, for pictures of 472 pixels.

Source: QT-Opt (arXiv:1806.10293) appendix E.1, and `Grasping44` of the same
authors' tensor2robot. Theirs has a batch normalisation behind each layer; here
there is a bias instead, as many numbers: a value must not depend on the rest of
its batch, and a target must not lag in its moving averages.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gin
import tensorflow as tf

from awopt_agent.learning import action_distribution
from awopt_agent.learning.networks import base, blocks, heads, inputs

__all__ = ['Grasping44Actor', 'Grasping44Critic']

_CHANNELS = 64
_LEAST_PX = 217  # Below it nothing is left for the last convolution.


class _Seen(NamedTuple):
  """What a critic keeps of an observation.

  Attributes:
    maps: `[B, H, W, 64]`, where the action joins.
    state: `[B, 256]`, the share of the other observations in the first layer
      that sees the action.
  """

  maps: tf.Tensor
  state: tf.Tensor


class _Tower(tf.Module):
  """Convolutions of one size, each behind a ReLU."""

  def __init__(
    self, count: int, size: int, *, seed: int, name: str, padding: str = 'SAME'
  ):
    super().__init__(name=name)
    self._layers = [
      blocks.Conv(
        _CHANNELS,
        _CHANNELS,
        size=size,
        stride=1,
        seed=seed + index,
        name=f'convolution_{index}',
        padding=padding,
      )
      for index in range(count)
    ]

  def __call__(self, maps: tf.Tensor) -> tf.Tensor:
    for layer in self._layers:
      maps = tf.nn.relu(layer(maps))
    return maps


class _Trunk(tf.Module):
  """Both halves of the network; what joins between them is given."""

  def __init__(self, image_shape: Sequence[int], *, seed: int):
    super().__init__(name='trunk')
    height, width, channels = image_shape
    if min(height, width) < _LEAST_PX:
      raise ValueError(
        f'Grasping44 takes images of {_LEAST_PX} px or more, got {height} x '
        f'{width}; choose the small networks or a larger image_px.'
      )
    self._first = blocks.Conv(
      channels, _CHANNELS, size=6, stride=2, seed=seed, name='first'
    )
    self._before = _Tower(6, 5, seed=seed + 1, name='before')
    self._after = _Tower(6, 3, seed=seed + 7, name='after')
    self._last = _Tower(3, 3, seed=seed + 13, name='last', padding='VALID')
    area = _size_of_last(height) * _size_of_last(width)
    self._flat = blocks.Mlp(
      [area * _CHANNELS, _CHANNELS, _CHANNELS], seed=seed + 16
    )

  def see(self, image: tf.Tensor) -> tf.Tensor:
    """Maps `[B, H, W, C]` to maps `[B, H / 18, W / 18, 64]`, rounded up."""
    maps = tf.nn.relu(self._first(image))
    maps = tf.nn.max_pool2d(maps, 3, 3, 'SAME')
    return tf.nn.max_pool2d(self._before(maps), 3, 3, 'SAME')

  def decide(self, maps: tf.Tensor) -> tf.Tensor:
    """Maps what `see` gives, and what joined it, to `[B, 64]`."""
    maps = tf.nn.max_pool2d(self._after(maps), 2, 2, 'SAME')
    maps = self._last(maps)
    size = maps.shape[1] * maps.shape[2] * _CHANNELS
    return self._flat(tf.reshape(maps, [-1, size]))


def _size_of_last(pixels: int) -> int:
  for stride in (2, 3, 3, 2):
    pixels = -(-pixels // stride)
  return pixels - 6  # Three windows of 3 without padding.


@gin.configurable
class Grasping44Critic(base.Critic):
  """QT-Opt's critic: the action joins the maps in the middle."""

  def __init__(
    self,
    observation_spec: Any,
    action_size: int,
    *,
    seed: int = 0,
    zooms: Sequence[float] = (),
    name: str = 'grasping44_critic',
  ):
    """Builds the variables.

    Args:
      observation_spec: Nest with one uint8 image `[H, W, C]`, 472 px in
        QT-Opt, and floats.
      action_size: A.
      seed: Of the initial weights.
      zooms: Magnified copies of the floats, around 0.
      name: Of the module.

    Raises:
      ValueError: If the image is too small.
    """
    super().__init__(name=name)
    seed *= 1000
    self._inputs = inputs.ImageAndState(observation_spec, zooms)
    self._trunk = _Trunk(self._inputs.image_shape, seed=seed)
    self._action_layer = blocks.Dense(
      action_size, 256, seed=seed + 50, scale=2.0, name='action'
    )
    self._state_layer = blocks.Dense(
      self._inputs.state_size, 256, seed=seed + 51, scale=2.0, name='state'
    )
    self._join = blocks.Mlp([256, _CHANNELS], seed=seed + 52, name='join')
    self._output = blocks.Dense(
      _CHANNELS, 1, seed=seed + 53, scale=0.1, name='output'
    )

  def encode(self, observation: Any) -> _Seen:
    image, state = self._inputs(observation)
    return _Seen(self._trunk.see(image), self._state_layer(state))

  def score(self, features: _Seen, actions: tf.Tensor) -> tf.Tensor:
    maps, state = features
    joined = tf.nn.relu(state[:, tf.newaxis] + self._action_layer(actions))
    context = self._join(joined)[:, :, tf.newaxis, tf.newaxis]
    each = maps[:, tf.newaxis] + context
    decided = self._trunk.decide(tf.reshape(each, [-1, *maps.shape[1:]]))
    return tf.reshape(self._output(decided), tf.shape(actions)[:2])


@gin.configurable
class Grasping44Actor(base.Actor):
  """An actor with the critic's trunk; the other observations join instead."""

  def __init__(
    self,
    observation_spec: Any,
    continuous_size: int,
    discrete_sizes: Sequence[int],
    *,
    seed: int = 0,
    zooms: Sequence[float] = (),
    name: str = 'grasping44_actor',
  ):
    """Builds the variables.

    Args:
      observation_spec: Nest with one uint8 image `[H, W, C]` and floats.
      continuous_size: C, continuous entries of an action vector.
      discrete_sizes: Length of each one-hot group after them.
      seed: Of the initial weights.
      zooms: Magnified copies of the floats, around 0.
      name: Of the module.

    Raises:
      ValueError: If the image is too small.
    """
    super().__init__(name=name)
    seed = 1000 * seed + 500
    self._inputs = inputs.ImageAndState(observation_spec, zooms)
    self._trunk = _Trunk(self._inputs.image_shape, seed=seed)
    self._join = blocks.Mlp(
      [self._inputs.state_size, 256, _CHANNELS], seed=seed + 50, name='join'
    )
    self._head = heads.ActorHead(
      _CHANNELS, continuous_size, discrete_sizes, seed=seed + 52
    )

  def encode(self, observation: Any) -> tf.Tensor:
    image, state = self._inputs(observation)
    context = self._join(state)[:, tf.newaxis, tf.newaxis]
    return self._trunk.decide(self._trunk.see(image) + context)

  def distribution(
    self, features: tf.Tensor
  ) -> action_distribution.ActionDistribution:
    return self._head(features)
