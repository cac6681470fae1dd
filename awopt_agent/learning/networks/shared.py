"""An actor that sees by the critic's encoder."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from awopt_agent.learning import action_distribution
from awopt_agent.learning.networks import base

__all__ = ['SharedEncoderActor']


class SharedEncoderActor(base.Actor):
  """Any actor whose observation is what a critic encodes.

  The critic's loss alone trains the encoder: no gradient of the actor reaches
  it, as in SAC-AE (arXiv:1910.01741).
  """

  def __init__(
    self,
    critic: base.Critic,
    make_actor: Callable[..., base.Actor],
    observation_spec: Any,
    continuous_size: int,
    discrete_sizes: Sequence[int],
    *,
    seed: int = 0,
    name: str = 'shared_encoder_actor',
  ):
    """Builds the actor's own variables.

    Args:
      critic: Encodes.
      make_actor: Makes an actor from `(features_spec, continuous_size,
        discrete_sizes, seed=)`.
      observation_spec: Nest of tensor specs, of the critic.
      continuous_size: C, continuous entries of an action vector.
      discrete_sizes: Length of each one-hot group after them.
      seed: Of the initial weights.
      name: Of the module.
    """
    super().__init__(name=name)
    self._critic = critic
    features = critic.encode(
      tf.nest.map_structure(
        lambda spec: tf.zeros([1, *spec.shape], spec.dtype), observation_spec
      )
    )
    self._actor = make_actor(
      tf.nest.map_structure(
        lambda x: tf.TensorSpec(x.shape[1:], x.dtype), features
      ),
      continuous_size,
      discrete_sizes,
      seed=seed,
    )

  @property
  def learned(self) -> list[tf.Variable]:
    return self._actor.learned

  def encode(self, observation: Any) -> tf.Tensor:
    features = self._critic.encode(observation)
    return self._actor.encode(tf.nest.map_structure(tf.stop_gradient, features))

  def distribution(
    self, features: tf.Tensor
  ) -> action_distribution.ActionDistribution:
    return self._actor.distribution(features)
