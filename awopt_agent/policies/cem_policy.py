"""The critic's best action, found by CEM."""

import tensorflow as tf

from awopt_agent.learning import cem, networks
from awopt_agent.policies import base

__all__ = ['CemPolicy', 'best_action']


def best_action(
  observation,
  critic: networks.Critic,
  codec,
  *,
  config: cem.CemConfig,
  seed: tf.Tensor,
  candidate: tf.Tensor | None = None,
) -> cem.CemResult:
  """Maximises a critic at each observation of a batch.

  Args:
    observation: Nest of `[B, ...]`.
    critic: Encodes once, scores many.
    codec: `ActionCodec` of the actions.
    config: Sizes of the search.
    seed: int32 `[2]`.
    candidate: `[B, A]` action that competes at the end, or None.

  Returns:
    Actions `[B, A]` and their scores `[B]`.
  """
  features = critic.encode(observation)
  return cem.maximize(
    lambda actions: critic.score(features, actions),
    batch_size=tf.shape(features)[0],
    continuous_size=codec.continuous_size,
    discrete_sizes=codec.discrete_sizes,
    seed=seed,
    config=config,
    candidate=candidate,
  )


class CemPolicy(base.VectorPolicy):
  """Acts by CEM; with an actor, its mode competes as a candidate.

  Equal observations get equal actions: the search's random numbers are the
  same at every call.
  """

  def __init__(
    self,
    time_step_spec,
    action_spec,
    *,
    critic: networks.Critic,
    config: cem.CemConfig,
    actor: networks.Actor | None = None,
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
      seed: Of the search.
      name: Of the policy.
    """
    super().__init__(time_step_spec, action_spec, name=name)
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
    result = best_action(
      time_step.observation,
      self._critic,
      self._codec,
      config=self._config,
      seed=tf.constant(self._seed, tf.int32),
      candidate=candidate,
    )
    return self._step(tf.ensure_shape(result.action, [None, self._codec.size]))
