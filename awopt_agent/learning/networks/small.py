"""Networks for pictures of 48 to 84 pixels.

Convolutions find where things are (a spatial softmax), which says more to a
small network than what is there, and is exact to less than a pixel.
"""

from collections.abc import Sequence
from typing import Any

import gin
import tensorflow as tf

from awopt_agent.learning.networks import blocks, inputs, vector

__all__ = ['SmallActor', 'SmallCritic']

# Size, stride and channels of each convolution.
_CONVOLUTIONS = ((5, 2, 16), (3, 2, 16), (3, 1, 16))


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
    channels = self._inputs.image_shape[-1]
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
class SmallCritic(vector.VectorCritic):
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
    seed *= 1000
    super().__init__(
      _Eye(observation_spec, convolutions, zooms, seed=seed),
      action_size,
      layers=layers,
      seed=seed + 100,
      name=name,
    )


@gin.configurable
class SmallActor(vector.VectorActor):
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
    seed = 1000 * seed + 500
    super().__init__(
      _Eye(observation_spec, convolutions, zooms, seed=seed),
      continuous_size,
      discrete_sizes,
      layers=layers,
      seed=seed + 100,
      name=name,
    )
