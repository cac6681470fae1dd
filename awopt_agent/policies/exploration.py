"""Who acts in practice: the actor, CEM, or a mixture of both."""

import dataclasses

import gin
import tensorflow as tf
import tensorflow_probability as tfp

from awopt_agent import structs
from awopt_agent.learning import cem, networks, search
from awopt_agent.policies import base

__all__ = ['EXPLORERS', 'ExplorationConfig', 'ExplorationPolicy']

# AW-Opt (arXiv:2111.05424) section 4.3, (a) to (d).
EXPLORERS = ('actor', 'cem', 'episode_switch', 'step_switch')


@gin.configurable
@dataclasses.dataclass(frozen=True)
class ExplorationConfig:
  """How practice explores.

  Attributes:
    explorer: Who acts: the 'actor', 'cem', or one of both, drawn at the start
      of each episode ('episode_switch') or at each step ('step_switch').
    actor_probability: Chance that a switch draws the actor.
  """

  explorer: str = 'episode_switch'
  actor_probability: float = 0.2

  def __post_init__(self):
    if self.explorer not in EXPLORERS:
      raise ValueError(
        f'ExplorationConfig.explorer must be one of {", ".join(EXPLORERS)}, '
        f'got {self.explorer!r}.'
      )
    if not 0 <= self.actor_probability <= 1:
      raise ValueError(
        'ExplorationConfig.actor_probability must be in [0, 1], got '
        f'{self.actor_probability}.'
      )


class ExplorationPolicy(base.VectorPolicy):
  """Acts by a draw of the actor, by CEM, or switches between them.

  Who acts is kept in the policy's state, so it survives batching and a
  SavedModel, and is reported in the policy's info. Chance comes from the
  generator, or from the seed of a call that is given one: such a call is a
  function of its arguments.

  Source: AW-Opt (arXiv:2111.05424) section 4.3.
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
    name: str = 'exploration_policy',
  ):
    """Joins the parts.

    Args:
      time_step_spec: Of the environment.
      action_spec: Of the environment, bounded.
      actor: Samples its distribution.
      critic: Maximised by CEM.
      cem_config: Sizes of the search.
      config: Who acts.
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
    chance = self._rng if seed is None else _Seeded(seed)
    source = self._choose(time_step, policy_state, chance)
    seeds = chance.make_seeds(2)
    seeds = tf.cast(tf.bitwise.bitwise_and(seeds, 0x7FFFFFFF), tf.int32)
    vector = self._act(time_step.observation, source, seeds)
    info = base.PolicyInfo(
      source=source,
      policy_step=tf.fill(tf.shape(source), self._policy_step.read_value()),
    )
    return self._step(
      tf.ensure_shape(vector, [None, self._codec.size]), source, info
    )

  def _choose(self, time_step, policy_state, chance) -> tf.Tensor:
    """Returns who acts now, a `structs.Source`, int32 `[B]`."""
    explorer = self._config.explorer
    actor, searcher = int(structs.Source.ACTOR), int(structs.Source.CEM)
    shape = tf.shape(time_step.step_type)
    if explorer in ('actor', 'cem'):
      return tf.fill(shape, actor if explorer == 'actor' else searcher)
    draws = chance.uniform(shape)
    drawn = tf.where(draws < self._config.actor_probability, actor, searcher)
    if explorer == 'step_switch':
      return drawn
    return tf.where(time_step.is_first(), drawn, policy_state)

  def _act(self, observation, source, seeds) -> tf.Tensor:
    """Returns actions `[B, A]`; only a switch computes both."""
    explorer = self._config.explorer
    if explorer != 'cem':
      features = self._actor.encode(observation)
      sampled = self._actor.distribution(features).sample(1, seeds[:, 0])[:, 0]
      if explorer == 'actor':
        return sampled
    best = search.best_action(
      observation,
      self._critic,
      self._codec,
      config=self._cem_config,
      seed=seeds[:, 1],
    ).action
    if explorer == 'cem':
      return best
    acts = source == int(structs.Source.ACTOR)
    return tf.where(acts[:, tf.newaxis], sampled, best)


class _Seeded:
  """What the policy asks of a generator, from one seed."""

  def __init__(self, seed):
    seed = tfp.random.sanitize_seed(seed)
    self._draws, self._seeds = tfp.random.split_seed(seed, 2)

  def uniform(self, shape) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, self._draws)

  def make_seeds(self, count: int) -> tf.Tensor:
    """Returns int32 `[2, count]`, as generators have it."""
    return tf.transpose(tfp.random.split_seed(self._seeds, count))
