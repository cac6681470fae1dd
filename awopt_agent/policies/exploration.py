"""Who acts in practice: a mixture of the actor and CEM."""

import dataclasses

import gin
import tensorflow as tf

from awopt_agent import structs
from awopt_agent.learning import cem, networks
from awopt_agent.policies import base, cem_policy

__all__ = ['EpisodeSwitchPolicy', 'ExplorationConfig']


@gin.configurable
@dataclasses.dataclass(frozen=True)
class ExplorationConfig:
  """How practice explores.

  Attributes:
    actor_probability: Chance that the actor runs an episode; else CEM does.
  """

  actor_probability: float = 0.2

  def __post_init__(self):
    if not 0 <= self.actor_probability <= 1:
      raise ValueError(
        'ExplorationConfig.actor_probability must be in [0, 1], got '
        f'{self.actor_probability}.'
      )


class EpisodeSwitchPolicy(base.VectorPolicy):
  """Draws at the start of each episode who runs it: a sampled actor or CEM.

  The choice is kept in the policy's state, so it survives batching and a
  SavedModel, and is reported in the policy's info.

  Source: AW-Opt (arXiv:2111.05424) section 4.3 (c).
  """

  def __init__(
    self,
    time_step_spec,
    action_spec,
    *,
    actor: networks.Actor,
    critic: networks.Critic,
    cem_config: cem.CemConfig,
    config: ExplorationConfig,
    policy_step: tf.Variable,
    rng: tf.random.Generator,
    name: str = 'episode_switch_policy',
  ):
    """Joins the parts.

    Args:
      time_step_spec: Of the environment.
      action_spec: Of the environment, bounded.
      actor: Samples its distribution.
      critic: Maximised by CEM.
      cem_config: Sizes of the search.
      config: The mixture.
      policy_step: int64 scalar, learner step of the weights.
      rng: Source of chance.
      name: Of the policy.
    """
    super().__init__(
      time_step_spec,
      action_spec,
      policy_state_spec=tf.TensorSpec([], tf.int32, 'source'),
      info_spec=base.info_spec(),
      automatic_state_reset=False,
      name=name,
    )
    self._actor = actor
    self._critic = critic
    self._cem_config = cem_config
    self._config = config
    self._policy_step = policy_step
    self._rng = rng

  def _variables(self):
    return tuple(self._actor.variables) + tuple(self._critic.variables)

  def _action(self, time_step, policy_state, seed=None):
    draws = self._rng.uniform(tf.shape(time_step.step_type))
    drawn = tf.where(
      draws < self._config.actor_probability,
      int(structs.Source.ACTOR),
      int(structs.Source.CEM),
    )
    source = tf.where(time_step.is_first(), drawn, policy_state)
    seeds = self._rng.make_seeds(2)
    seeds = tf.cast(tf.bitwise.bitwise_and(seeds, 0x7FFFFFFF), tf.int32)
    features = self._actor.encode(time_step.observation)
    sampled = self._actor.distribution(features).sample(1, seeds[:, 0])[:, 0]
    best = cem_policy.best_action(
      time_step.observation,
      self._critic,
      self._codec,
      config=self._cem_config,
      seed=seeds[:, 1],
    ).action
    acts = source == int(structs.Source.ACTOR)
    vector = tf.where(acts[:, tf.newaxis], sampled, best)
    info = base.PolicyInfo(
      source=source,
      policy_step=tf.fill(tf.shape(source), self._policy_step.read_value()),
    )
    return self._step(
      tf.ensure_shape(vector, [None, self._codec.size]), source, info
    )
