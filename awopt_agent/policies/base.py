"""What every policy of this package shares: vectors in, nests out."""

from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.policies import tf_policy
from tf_agents.trajectories import policy_step as ps

from awopt_agent.learning import action_codec

__all__ = ['PolicyInfo', 'VectorPolicy', 'info_spec']


class PolicyInfo(NamedTuple):
  """Where an action came from; every field has shape `[B]`.

  Attributes:
    source: int32, a `structs.Source`.
    policy_step: int64, learner step of the policy that acted.
  """

  source: Any
  policy_step: Any


def info_spec() -> PolicyInfo:
  """Returns the spec of `PolicyInfo`."""
  return PolicyInfo(
    source=tf.TensorSpec([], tf.int32, 'source'),
    policy_step=tf.TensorSpec([], tf.int64, 'policy_step'),
  )


class VectorPolicy(tf_policy.TFPolicy):
  """A policy that chooses action vectors of the codec."""

  def __init__(self, time_step_spec, action_spec, **kwargs):
    super().__init__(time_step_spec, action_spec, **kwargs)
    self._codec = action_codec.ActionCodec(self.action_spec)

  def _step(self, vector: tf.Tensor, state=(), info=()) -> ps.PolicyStep:
    return ps.PolicyStep(self._codec.decode(vector), state, info)

  def _distribution(self, time_step, policy_state):
    step = self._action(time_step, policy_state)
    return step._replace(
      action=tf.nest.map_structure(tfp.distributions.Deterministic, step.action)
    )
