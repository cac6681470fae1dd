"""Multi-layer perceptrons, for state observations."""

from collections.abc import Sequence
from typing import Any

import gin
import tensorflow as tf

from awopt_agent.learning import action_distribution
from awopt_agent.learning.networks import base, blocks, heads, inputs

__all__ = ['MlpActor', 'MlpCritic']


@gin.configurable
class MlpCritic(base.Critic):
  """A multi-layer perceptron for state observations.

  The first layer is a sum of one part for the observation and one for the
  action, which equals a layer on both joined; the former is the encoding.
  """

  def __init__(
    self,
    observation_spec: Any,
    action_size: int,
    *,
    seed: int = 0,
    layers: Sequence[int] = (128, 128),
    zooms: Sequence[float] = (8.0,),
    name: str = 'mlp_critic',
  ):
    """Builds the variables.

    Args:
      observation_spec: Nest of float specs.
      action_size: A.
      seed: Of the initial weights.
      layers: Width of each hidden layer.
      zooms: Magnified copies of the inputs, around 0.
      name: Of the module.
    """
    super().__init__(name=name)
    self._state = inputs.StateVector(observation_spec, zooms)
    seed *= 1000
    self._observation_layer = blocks.Dense(
      self._state.size, layers[0], seed=seed, scale=2.0, name='observation'
    )
    self._action_layer = blocks.Dense(
      action_size, layers[0], seed=seed + 1, scale=2.0, name='action'
    )
    self._hidden = blocks.Mlp(layers, seed=seed + 2)
    self._output = blocks.Dense(
      layers[-1], 1, seed=seed + 1 + len(layers), scale=0.1, name='output'
    )

  def encode(self, observation: Any) -> tf.Tensor:
    return self._observation_layer(self._state(observation))

  def score(self, features: tf.Tensor, actions: tf.Tensor) -> tf.Tensor:
    joined = features[:, tf.newaxis, :] + self._action_layer(actions)
    return tf.squeeze(self._output(self._hidden(tf.nn.relu(joined))), axis=-1)


@gin.configurable
class MlpActor(base.Actor):
  """A multi-layer perceptron for state observations."""

  def __init__(
    self,
    observation_spec: Any,
    continuous_size: int,
    discrete_sizes: Sequence[int],
    *,
    seed: int = 0,
    layers: Sequence[int] = (128, 128),
    zooms: Sequence[float] = (8.0,),
    name: str = 'mlp_actor',
  ):
    """Builds the variables.

    Args:
      observation_spec: Nest of float specs.
      continuous_size: C, continuous entries of an action vector.
      discrete_sizes: Length of each one-hot group after them.
      seed: Of the initial weights.
      layers: Width of each hidden layer.
      zooms: Magnified copies of the inputs, around 0.
      name: Of the module.
    """
    super().__init__(name=name)
    self._state = inputs.StateVector(observation_spec, zooms)
    seed = seed * 1000 + 500
    self._hidden = blocks.Mlp([self._state.size, *layers], seed=seed)
    self._head = heads.ActorHead(
      layers[-1], continuous_size, discrete_sizes, seed=seed + len(layers)
    )

  def encode(self, observation: Any) -> tf.Tensor:
    return self._hidden(self._state(observation))

  def distribution(
    self, features: tf.Tensor
  ) -> action_distribution.ActionDistribution:
    return self._head(features)
