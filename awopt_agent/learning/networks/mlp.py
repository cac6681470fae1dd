"""Multi-layer perceptrons, for state observations."""

from collections.abc import Sequence
from typing import Any

import gin

from awopt_agent.learning.networks import inputs, vector

__all__ = ['LAYERS', 'ZOOMS', 'MlpActor', 'MlpCritic']

LAYERS = (128, 128)
ZOOMS = (8.0,)


@gin.configurable
class MlpCritic(vector.VectorCritic):
  """A multi-layer perceptron for state observations."""

  def __init__(
    self,
    observation_spec: Any,
    action_size: int,
    *,
    seed: int = 0,
    layers: Sequence[int] = LAYERS,
    zooms: Sequence[float] = ZOOMS,
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
    super().__init__(
      inputs.StateVector(observation_spec, zooms),
      action_size,
      layers=layers,
      seed=1000 * seed,
      name=name,
    )


@gin.configurable
class MlpActor(vector.VectorActor):
  """A multi-layer perceptron for state observations."""

  def __init__(
    self,
    observation_spec: Any,
    continuous_size: int,
    discrete_sizes: Sequence[int],
    *,
    seed: int = 0,
    layers: Sequence[int] = LAYERS,
    zooms: Sequence[float] = ZOOMS,
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
    super().__init__(
      inputs.StateVector(observation_spec, zooms),
      continuous_size,
      discrete_sizes,
      layers=layers,
      seed=1000 * seed + 500,
      name=name,
    )
