"""Networks for pictures of 48 to 84 pixels.

Convolutions find where things are (a spatial softmax), which says more to a
small network than what is there, and is exact to less than a pixel.
"""

from collections.abc import Sequence
from typing import Any

import gin
import tensorflow as tf

from awopt_agent.learning import action_distribution
from awopt_agent.learning.networks import base, blocks, heads, inputs

__all__ = ['SmallActor', 'SmallCritic']

# Size, stride and channels of each convolution.
_CONVOLUTIONS = ((5, 2, 16), (3, 2, 32), (3, 1, 32))


class _Eye(tf.Module):
  """Maps pictures and numbers `[B, ...]` to one vector `[B, F]`."""

  def __init__(
    self,
    observation_spec: Any,
    convolutions: Sequence[tuple[int, int, int]],
    zooms: Sequence[float],
    *,
    seed: int,
  ):
    super().__init__(name='eye')
    self._inputs = inputs.ImageAndState(observation_spec, zooms)
    self._layers = []
    channels = self._inputs.channels
    for index, (size, stride, outputs) in enumerate(convolutions):
      self._layers.append(
        blocks.Conv(
          channels,
          outputs,
          size=size,
          stride=stride,
          seed=seed + index,
          name=f'convolution_{index}',
        )
      )
      channels = outputs
    self.size = 2 * channels + self._inputs.state_size

  def __call__(self, observation: Any) -> tf.Tensor:
    image, state = self._inputs(observation)
    *hidden, last = self._layers
    for layer in hidden:
      image = tf.nn.relu(layer(image))
    return tf.concat([blocks.spatial_softmax(last(image)), state], axis=-1)


@gin.configurable
class SmallCritic(base.Critic):
  """A critic of a picture and of what else is observed.

  The action joins behind the picture's encoding, as in QT-Opt's network, so
  that many actions are scored for one encoding.
  """

  def __init__(
    self,
    observation_spec: Any,
    action_size: int,
    *,
    seed: int = 0,
    convolutions: Sequence[tuple[int, int, int]] = _CONVOLUTIONS,
    layers: Sequence[int] = (128, 128),
    zooms: Sequence[float] = (8.0,),
    name: str = 'small_critic',
  ):
    """Builds the variables.

    Args:
      observation_spec: Nest with one uint8 image `[H, W, C]`, and floats.
      action_size: A.
      seed: Of the initial weights.
      convolutions: Size, stride and channels of each.
      layers: Width of each fully connected layer.
      zooms: Magnified copies of the floats, around 0.
      name: Of the module.
    """
    super().__init__(name=name)
    self._eye = _Eye(observation_spec, convolutions, zooms, seed=seed * 1000)
    seed = seed * 1000 + 100
    self._observation_layer = blocks.Dense(
      self._eye.size, layers[0], seed=seed, scale=2.0, name='observation'
    )
    self._action_layer = blocks.Dense(
      action_size, layers[0], seed=seed + 1, scale=2.0, name='action'
    )
    self._hidden = blocks.Mlp(layers, seed=seed + 2)
    self._output = blocks.Dense(
      layers[-1], 1, seed=seed + 50, scale=0.1, name='output'
    )

  def encode(self, observation: Any) -> tf.Tensor:
    return self._observation_layer(self._eye(observation))

  def score(self, features: tf.Tensor, actions: tf.Tensor) -> tf.Tensor:
    joined = features[:, tf.newaxis, :] + self._action_layer(actions)
    return tf.squeeze(self._output(self._hidden(tf.nn.relu(joined))), axis=-1)


@gin.configurable
class SmallActor(base.Actor):
  """An actor that sees a picture and what else is observed."""

  def __init__(
    self,
    observation_spec: Any,
    continuous_size: int,
    discrete_sizes: Sequence[int],
    *,
    seed: int = 0,
    convolutions: Sequence[tuple[int, int, int]] = _CONVOLUTIONS,
    layers: Sequence[int] = (128, 128),
    zooms: Sequence[float] = (8.0,),
    name: str = 'small_actor',
  ):
    """Builds the variables.

    Args:
      observation_spec: Nest with one uint8 image `[H, W, C]`, and floats.
      continuous_size: C, continuous entries of an action vector.
      discrete_sizes: Length of each one-hot group after them.
      seed: Of the initial weights.
      convolutions: Size, stride and channels of each.
      layers: Width of each fully connected layer.
      zooms: Magnified copies of the floats, around 0.
      name: Of the module.
    """
    super().__init__(name=name)
    self._eye = _Eye(
      observation_spec, convolutions, zooms, seed=seed * 1000 + 500
    )
    seed = seed * 1000 + 600
    self._hidden = blocks.Mlp([self._eye.size, *layers], seed=seed)
    self._head = heads.ActorHead(
      layers[-1], continuous_size, discrete_sizes, seed=seed + 50
    )

  def encode(self, observation: Any) -> tf.Tensor:
    return self._hidden(self._eye(observation))

  def distribution(
    self, features: tf.Tensor
  ) -> action_distribution.ActionDistribution:
    return self._head(features)
