"""Critics and actors of what fits into one vector.

What sees the observation is given; what follows is the same for states and
for pictures.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import tensorflow as tf

from awopt_agent.learning import action_distribution
from awopt_agent.learning.networks import base, blocks, heads

__all__ = ['Eye', 'VectorActor', 'VectorCritic']


class Eye(Protocol):
  """Maps a nest of observations `[B, ...]` to `[B, size]`."""

  size: int

  def __call__(self, observation: Any) -> tf.Tensor: ...


class VectorCritic(base.Critic):
  """Scores actions by fully connected layers.

  The first layer is a sum of one part for the observation and one for the
  action, which equals a layer on both joined; the former is the encoding.
  """

  def __init__(
    self,
    eye: Eye,
    action_size: int,
    *,
    layers: Sequence[int],
    seed: int,
    name: str,
  ):
    """Builds the variables.

    Args:
      eye: What sees the observation.
      action_size: A.
      layers: Width of each hidden layer.
      seed: Of the initial weights; the `len(layers) + 2` from it on are used.
      name: Of the module.
    """
    super().__init__(name=name)
    self._eye = eye
    self._observation_layer = blocks.Dense(
      eye.size, layers[0], seed=seed, scale=2.0, name='observation'
    )
    self._action_layer = blocks.Dense(
      action_size, layers[0], seed=seed + 1, scale=2.0, name='action'
    )
    self._hidden = blocks.Mlp(layers, seed=seed + 2)
    self._output = blocks.Dense(
      layers[-1], 1, seed=seed + 1 + len(layers), scale=0.1, name='output'
    )

  def encode(self, observation: Any) -> tf.Tensor:
    return self._observation_layer(self._eye(observation))

  def score(self, features: tf.Tensor, actions: tf.Tensor) -> tf.Tensor:
    joined = features[:, tf.newaxis, :] + self._action_layer(actions)
    return tf.squeeze(self._output(self._hidden(tf.nn.relu(joined))), axis=-1)


class VectorActor(base.Actor):
  """Chooses actions by fully connected layers and a head."""

  def __init__(
    self,
    eye: Eye,
    continuous_size: int,
    discrete_sizes: Sequence[int],
    *,
    layers: Sequence[int],
    seed: int,
    name: str,
  ):
    """Builds the variables.

    Args:
      eye: What sees the observation.
      continuous_size: C, continuous entries of an action vector.
      discrete_sizes: Length of each one-hot group after them.
      layers: Width of each hidden layer.
      seed: Of the initial weights; the `len(layers) + 1` from it on are used.
      name: Of the module.
    """
    super().__init__(name=name)
    self._eye = eye
    self._hidden = blocks.Mlp([eye.size, *layers], seed=seed)
    self._head = heads.ActorHead(
      layers[-1], continuous_size, discrete_sizes, seed=seed + len(layers)
    )

  def encode(self, observation: Any) -> tf.Tensor:
    return self._hidden(self._eye(observation))

  def distribution(
    self, features: tf.Tensor
  ) -> action_distribution.ActionDistribution:
    return self._head(features)
