"""The actor's likeliest action."""

import tensorflow as tf

from awopt_agent.learning import networks
from awopt_agent.policies import base

__all__ = ['ActorPolicy']


class ActorPolicy(base.VectorPolicy):
  """Acts by the mode of the actor; deterministic."""

  def __init__(
    self,
    time_step_spec,
    action_spec,
    *,
    actor: networks.Actor,
    name: str = 'actor_policy',
  ):
    super().__init__(time_step_spec, action_spec, name=name)
    self._actor = actor

  def _variables(self):
    return self._actor.variables

  def _action(self, time_step, policy_state=(), seed=None):
    features = self._actor.encode(time_step.observation)
    vector = self._actor.distribution(features).mode()
    return self._step(tf.ensure_shape(vector, [None, self._codec.size]))
