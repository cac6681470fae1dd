"""The critic, its lagged targets, and what they learn from."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import gin
import tensorflow as tf

from awopt_agent.learning import (
  action_codec,
  cem,
  losses,
  optimizers,
  search,
  targets,
  transitions,
)
from awopt_agent.learning.networks import base, contract, ensemble

__all__ = ['TARGETS', 'CriticConfig', 'CriticLearner']

# Whose action the Bellman target values; AW-Opt (arXiv:2111.05424) section
# 4.4 calls them: AWAC's, maxQ, maxQ + ActorMean, maxQ + ActorCandidate.
TARGETS = ('actor', 'max_q', 'max_q_actor_mean', 'max_q_actor_candidate')


@gin.configurable
@dataclasses.dataclass(frozen=True)
class CriticConfig:
  """How the critic learns.

  Attributes:
    learns: Whether it does; behaviour cloning needs none.
    learning_rate: Of Adam.
    weight_decay: Of AdamW: each step shrinks the weights by this share of the
      learning rate. Few successes are learnt by heart without it.
    gamma: Our discount factor; the environment's discount comes on top.
    reward_scale: Factor of all rewards; returns are in its units then, and
      under cross-entropy must still lie in [0, 1].
    tau: Share of the critic that its first target takes over at each step.
    lag: Learner steps between copies of the first target into the second;
      0 for no second target.
    loss: 'cross_entropy' for returns in [0, 1], or 'squared_error'.
    ensemble: Number of critics that learn apart; the least one counts.
    target: Whose action the Bellman target values: a draw of the 'actor',
      what CEM finds ('max_q'), what it finds around the actor's mode
      ('max_q_actor_mean'), or the better of what it finds and the actor's
      mode ('max_q_actor_candidate').
    online_target: Whether the critic itself values that action, as algorithm
      1 has it, instead of its targets.
  """

  learns: bool = True
  learning_rate: float = 1e-3
  weight_decay: float = 0.0
  gamma: float = 0.95
  reward_scale: float = 1.0
  tau: float = 0.01
  lag: int = 100
  loss: str = 'cross_entropy'
  ensemble: int = 1
  target: str = 'max_q_actor_candidate'
  online_target: bool = False

  def __post_init__(self):
    if self.loss not in ('cross_entropy', 'squared_error'):
      raise ValueError(
        "CriticConfig.loss must be 'cross_entropy' or 'squared_error', got "
        f'{self.loss!r}.'
      )
    if self.target not in TARGETS:
      raise ValueError(
        f'CriticConfig.target must be one of {", ".join(TARGETS)}, got '
        f'{self.target!r}.'
      )
    if not self.learning_rate > 0 or not self.weight_decay >= 0:
      raise ValueError(
        'CriticConfig.learning_rate must be > 0 and weight_decay >= 0, got '
        f'{self.learning_rate} and {self.weight_decay}.'
      )
    if not 0 < self.reward_scale < math.inf:
      raise ValueError(
        'CriticConfig.reward_scale must be > 0 and finite, got '
        f'{self.reward_scale}.'
      )
    if not 0 < self.tau <= 1:
      raise ValueError(f'CriticConfig.tau must be in (0, 1], got {self.tau}.')
    if not 0 <= self.gamma <= 1:
      raise ValueError(
        f'CriticConfig.gamma must be in [0, 1], got {self.gamma}.'
      )
    if self.lag < 0:
      raise ValueError(f'CriticConfig.lag must be >= 0, got {self.lag}.')
    if self.ensemble < 1:
      raise ValueError(
        f'CriticConfig.ensemble must be >= 1, got {self.ensemble}.'
      )


class CriticLearner(tf.Module):
  """A critic with two targets.

  Attributes:
    critic: What learns.
    target: Its running average.
    lagged: A copy of the average, some steps old.
    optimizer: Of the critic.
  """

  def __init__(
    self,
    make_critic: Callable[..., base.Critic],
    observation_spec: Any,
    codec: action_codec.ActionCodec,
    config: CriticConfig,
    *,
    cem_config: cem.CemConfig,
    seed: int,
  ):
    """Builds critic and targets.

    Args:
      make_critic: Makes a critic from `(observation_spec, action_size, seed=,
        name=)`.
      observation_spec: Nest of tensor specs.
      codec: Of the actions.
      config: How it learns.
      cem_config: Search in the Bellman target.
      seed: Of the weights.

    Raises:
      ValueError: If a critic gives another shape than its contract says.
    """
    super().__init__(name='critic_learner')
    self._codec = codec
    self._config = config
    self._cem_config = cem_config
    self.critic, self.target, self.lagged = [
      _make_ensemble(
        make_critic, observation_spec, codec.size, config.ensemble, seed, name
      )
      for name in ('critic', 'target_critic', 'lagged_critic')
    ]
    # Of the targets too: layers that are built when they are first called get
    # their variables here.
    for network in (self.critic, self.target, self.lagged):
      for member in network.members:
        contract.check_critic(member, observation_spec, codec.size)
    self.optimizer = optimizers.adam(
      config.learning_rate, config.weight_decay, self.learned
    )

  @property
  def learned(self) -> list[tf.Variable]:
    """What the loss changes; the targets only follow."""
    return list(self.critic.trainable_variables)

  def begin(self) -> None:
    """Makes both targets copies of the critic."""
    for target in (self.target, self.lagged):
      for old, new in zip(target.variables, self.critic.variables, strict=True):
        old.assign(new)

  def loss(
    self,
    batch: transitions.Transitions,
    importance: tf.Tensor,
    target: tf.Tensor,
  ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Returns the loss, and the other terms by name.

    Args:
      batch: B transitions.
      importance: `[B]` weights of the transitions.
      target: `[B]`, of `bellman_target`.
    """
    if not self._config.learns:
      return tf.constant(0.0), {'value': tf.constant(0.0)}
    features = self.critic.encode(batch.observation)
    scores = self.critic.scores(features, batch.action[:, tf.newaxis])[..., 0]
    # Over the valid ones: boundaries must not shrink the step.
    losses_of_members = [
      tf.math.divide_no_nan(
        tf.reduce_sum(importance * self._loss_fn(score, target)),
        batch.valid_total,
      )
      for score in tf.unstack(scores)
    ]
    value = self.value(tf.reduce_min(scores, axis=0))
    return tf.add_n(losses_of_members), {
      'value': transitions.mean(value, batch)
    }

  def bellman_target(
    self,
    batch: transitions.Transitions,
    *,
    actor: base.Actor,
    seed: tf.Tensor,
  ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Returns targets `[B]`, and terms about them by name.

    Args:
      batch: B transitions.
      actor: Whose action competes.
      seed: int32 `[2]`, of the search.

    Source: AW-Opt (arXiv:2111.05424) section 4.4; QT-Opt (arXiv:1806.10293)
      section 4.2 for the lesser of two targets.
    """
    config = self._config
    if not config.learns:
      names = ('target', 'candidate_share')
      return tf.zeros_like(batch.valid), dict.fromkeys(names, tf.constant(0.0))
    critic = self.critic if config.online_target else self.target
    best = self._next_action(batch, critic, actor=actor, seed=seed)
    value = self.value(best.score)
    if config.lag and not config.online_target:
      lagged = self.lagged.score(
        self.lagged.encode(batch.next_observation),
        best.action[:, tf.newaxis],
      )[:, 0]
      value = tf.minimum(value, self.value(lagged))
    target = targets.n_step_target(batch.reward, batch.discount, value)
    won = tf.cast(best.candidate_won, tf.float32)
    return target, {
      'target': transitions.mean(target, batch),
      'candidate_share': transitions.mean(won, batch),
    }

  def given_target(
    self, batch: transitions.Transitions, target: Any
  ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Takes targets from elsewhere in the place of `bellman_target`'s.

    Args:
      batch: B transitions.
      target: `[B]`, return units.

    Returns:
      The targets, and the same terms about them.

    Raises:
      ValueError: If the targets have another shape or type.
    """
    target = tf.convert_to_tensor(target, tf.float32)
    rows = batch.valid.shape
    if target.shape.rank != 1 or not target.shape.is_compatible_with(rows):
      raise ValueError(
        f'target must have the shape {rows} of this batch, got {target.shape}; '
        'give one number for each transition, as bellman_targets does.'
      )
    if not rows.is_fully_defined():  # One target would be broadcast to all.
      with tf.control_dependencies(
        [tf.debugging.assert_equal(tf.shape(target), tf.shape(batch.valid))]
      ):
        target = tf.identity(target)
    return target, {
      'target': transitions.mean(target, batch),
      'candidate_share': tf.constant(0.0),
    }

  def target_variables(self, actor: base.Actor) -> list[tf.Variable]:
    """Returns what `bellman_target` reads, each once."""
    config = self._config
    parts: list[tf.Module] = []
    if config.learns:
      parts.append(self.critic if config.online_target else self.target)
      if config.lag and not config.online_target:
        parts.append(self.lagged)
      if config.target != 'max_q':
        parts.append(actor)
    return base.variables_of(*parts)

  def _next_action(self, batch, critic, *, actor, seed):
    """Returns the action in the target, with its score."""
    kind = self._config.target
    observation = batch.next_observation
    mode = None
    if kind != 'max_q':  # Then nothing of the actor is computed.
      distribution = actor.distribution(actor.encode(observation))
      mode = distribution.mode()
    if kind == 'actor':
      action = distribution.sample(1, seed)
      score = critic.score(critic.encode(observation), action)[:, 0]
      return cem.CemResult(action[:, 0], score, tf.zeros_like(batch.success))
    return search.best_action(
      observation,
      critic,
      self._codec,
      config=self._cem_config,
      seed=seed,
      candidate=mode if kind == 'max_q_actor_candidate' else None,
      first_mean=mode if kind == 'max_q_actor_mean' else None,
    )

  def value(self, score: tf.Tensor) -> tf.Tensor:
    """Turns a critic's output into return units."""
    if self._config.loss == 'cross_entropy':
      return tf.sigmoid(score)
    return score

  def _loss_fn(self, score: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    if self._config.loss == 'cross_entropy':
      return losses.critic_cross_entropy(score, target)
    return losses.critic_squared_error(score, target)

  def update(self, gradients: Sequence[tf.Tensor]) -> None:
    """Changes what is learned by one step along its gradients."""
    optimizers.apply(self.optimizer, gradients, self.learned)

  def update_targets(
    self, step: tf.Tensor, assign: Callable[..., None]
  ) -> None:
    """Lets the targets follow.

    Args:
      step: Learner steps that were taken.
      assign: Of `replicas.update`.
    """
    config = self._config
    if not config.learns:
      return

    def follow(target, source):
      target.assign_add(config.tau * (source - target))

    def copy():
      _for_each(assign, _take_over, self.lagged, self.target)

    _for_each(assign, follow, self.target, self.critic)
    if config.lag:
      tf.cond(tf.equal(step % config.lag, 0), copy, lambda: None)


def _make_ensemble(make_critic, observation_spec, size, count, seed, name):
  return ensemble.Ensemble(
    [
      make_critic(
        observation_spec,
        size,
        seed=seed + 7919 * index,  # Far from the seeds of other runs.
        name=f'{name}_{index}' if index else name,
      )
      for index in range(count)
    ],
    name=f'{name}_ensemble',
  )


def _for_each(apply, function, target: tf.Module, source: tf.Module) -> None:
  """Applies a function to each two variables of networks that are alike."""
  for old, new in zip(target.variables, source.variables, strict=True):
    apply(function, old, new)


def _take_over(old: tf.Variable, new: tf.Variable) -> None:
  old.assign(new)
