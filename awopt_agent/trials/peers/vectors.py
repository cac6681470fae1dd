"""Observations, actions and episodes as a peer sees them: vectors."""

from typing import Any

import numpy as np
import tensorflow as tf
from tf_agents.specs import tensor_spec

from awopt_agent import structs
from awopt_agent.learning import action_codec
from awopt_agent.learning.networks import inputs

__all__ = ['Vectors']


class Vectors:
  """Turns an environment's nests into vectors of [-1, 1], and back.

  Observations are what AW-Opt's own networks for states take in, magnified
  copies and all, so that a comparison is not one of input encodings. Actions
  are the codec's vectors, with one-hot groups of -1 and 1: the greatest entry
  still wins, and an algorithm of continuous actions can reach them all.

  Attributes:
    observation_size: O.
    action_size: A.
  """

  def __init__(self, observation_spec: Any, action_spec: Any, *, zooms):
    """Reads the specs.

    Args:
      observation_spec: Nest of bounded float specs.
      action_spec: Nest of bounded specs, float or integer.
      zooms: Of the magnified copies; see `inputs.StateVector`.

    Raises:
      ValueError: If an observation is no float, or an action has no bounds.
    """
    observation_spec, action_spec = tf.nest.map_structure(
      tensor_spec.from_spec, (observation_spec, action_spec)
    )
    self._inputs = inputs.StateVector(observation_spec, zooms)
    self._codec = action_codec.ActionCodec(action_spec)
    self.observation_size = self._inputs.size
    self.action_size = self._codec.size

  def observe(self, observation: Any) -> np.ndarray:
    """Returns `[B, O]` of a nest of observations `[B, ...]`."""
    return self._inputs(observation).numpy()

  def encode(self, action: Any) -> np.ndarray:
    """Returns `[B, A]` of a nest of actions `[B, ...]`."""
    vector = self._codec.encode(action).numpy()
    start = self._codec.continuous_size
    vector[:, start:] = 2 * vector[:, start:] - 1
    return vector

  def decode(self, vector: np.ndarray) -> Any:
    """Returns the nest of actions of vectors `[B, A]`, within its bounds."""
    # Rising, the change of one-hot groups leaves the greatest the greatest.
    action = self._codec.decode(tf.constant(vector))
    return tf.nest.map_structure(lambda part: part.numpy(), action)

  def episode(self, experience: structs.Experience) -> dict[str, Any]:
    """Returns an episode `[T + 1, ...]` as a peer's replay takes it.

    Its actions are those that were executed, not those that were asked for.
    """
    steps, label = experience
    source = int(np.asarray(label.source)[0])
    return {
      'observations': self.observe(steps.observation),
      'actions': self.encode(steps.action),
      'rewards': np.asarray(steps.reward, np.float32),
      # The last row means nothing; the one before it led to the end.
      'terminal': bool(steps.discount[-2] == 0),
      'demonstration': source == structs.Source.DEMONSTRATION,
    }
