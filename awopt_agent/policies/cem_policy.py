"""The critic's best action, found by CEM."""

import tensorflow as tf

from awopt_agent.learning import action_codec, cem, networks, search
from awopt_agent.policies import base

__all__ = ['CemPolicy']


class CemPolicy(base.VectorPolicy):
  """Acts by CEM; with an actor, its mode competes as a candidate.

  Equal observations get equal actions: the search's random numbers are the
  same at every call. With a warm start a search begins at the action of the
  step before, which is the policy's state.
  """

  def __init__(
    self,
    time_step_spec,
    action_spec,
    *,
    critic: networks.Critic,
    config: cem.CemConfig,
    actor: networks.Actor | None = None,
    warm_start: bool = False,
    seed: int = 0,
    name: str = 'cem_policy',
  ):
    """Joins the parts.

    Args:
      time_step_spec: Of the environment.
      action_spec: Of the environment, bounded.
      critic: What is maximised.
      config: Sizes of the search.
      actor: Gives the candidate; None for CEM alone.
      warm_start: Whether a search begins where the last one ended.
      seed: Of the search.
      name: Of the policy.
    """
    codec = action_codec.ActionCodec(action_spec)
    state = tf.TensorSpec([codec.size], tf.float32, 'last_action')
    super().__init__(
      time_step_spec,
      action_spec,
      policy_state_spec=state if warm_start else (),
      automatic_state_reset=False,
      name=name,
    )
    self._critic = critic
    self._actor = actor
    self._config = config
    self._seed = (seed, 0)

  def _variables(self):
    actor = self._actor.variables if self._actor else ()
    return tuple(self._critic.variables) + tuple(actor)

  def _action(self, time_step, policy_state=(), seed=None):
    candidate = None
    if self._actor is not None:
      features = self._actor.encode(time_step.observation)
      candidate = self._actor.distribution(features).mode()
    result = search.best_action(
      time_step.observation,
      self._critic,
      self._codec,
      config=self._config,
      seed=tf.constant(self._seed, tf.int32),
      candidate=candidate,
      first_mean=self._first_mean(time_step, policy_state),
    )
    vector = tf.ensure_shape(result.action, [None, self._codec.size])
    return self._step(vector, vector if self.policy_state_spec else ())

  def _first_mean(self, time_step, policy_state) -> tf.Tensor | None:
    if not self.policy_state_spec:
      return None
    middle = cem.centre(self._codec.continuous_size, self._codec.discrete_sizes)
    return tf.where(time_step.is_first()[:, tf.newaxis], middle, policy_state)
