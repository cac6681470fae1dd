"""The actor, and what it learns from."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import gin
import tensorflow as tf

from awopt_agent.learning import (
  averages,
  critic_learner,
  losses,
  optimizers,
  replicas,
  transitions,
)
from awopt_agent.learning.networks import base, contract

__all__ = ['WEIGHTS', 'ActorConfig', 'ActorLearner']

WEIGHTS = ('exp', 'softmax', 'one')


@gin.configurable
@dataclasses.dataclass(frozen=True)
class ActorConfig:
  """How the actor learns.

  Attributes:
    learns: Whether it does; QT-Opt has no actor.
    learning_rate: Of Adam.
    weight_decay: Of AdamW, as the critic's.
    weights: How an action's advantage weighs it: 'exp' of the advantage,
      'softmax' of the advantages in the batch, or 'one' for all (cloning).
    temperature: Advantage, in return units, that multiplies a weight by e.
    max_weight: Upper clip of a weight of 'exp'.
    baseline_samples: K, actions whose mean value is the baseline of the
      advantage; 0 takes the value of the mode.
    success_filter: Whether only transitions of successful episodes count.
  """

  learns: bool = True
  learning_rate: float = 1e-3
  weight_decay: float = 0.0
  weights: str = 'exp'
  temperature: float = 0.05
  max_weight: float = 20.0
  baseline_samples: int = 1
  success_filter: bool = True

  def __post_init__(self):
    if self.weights not in WEIGHTS:
      raise ValueError(
        f'ActorConfig.weights must be one of {", ".join(WEIGHTS)}, got '
        f'{self.weights!r}.'
      )
    if not self.learning_rate > 0 or not self.weight_decay >= 0:
      raise ValueError(
        'ActorConfig.learning_rate must be > 0 and weight_decay >= 0, got '
        f'{self.learning_rate} and {self.weight_decay}.'
      )
    if not self.temperature > 0:
      raise ValueError(
        f'ActorConfig.temperature must be > 0, got {self.temperature}.'
      )
    if not self.max_weight > 0:
      raise ValueError(
        f'ActorConfig.max_weight must be > 0, got {self.max_weight}.'
      )
    if self.baseline_samples < 0:
      raise ValueError(
        'ActorConfig.baseline_samples must be >= 0, got '
        f'{self.baseline_samples}.'
      )


class ActorLearner(tf.Module):
  """An actor and its optimiser.

  Attributes:
    actor: What learns.
    optimizer: Of the actor.
  """

  def __init__(
    self,
    make_actor: Callable[..., base.Actor],
    observation_spec: Any,
    sizes: tuple[int, Sequence[int]],
    config: ActorConfig,
    *,
    seed: int,
  ):
    """Builds the actor.

    Args:
      make_actor: Makes an actor from `(observation_spec, continuous_size,
        discrete_sizes, seed=)`.
      observation_spec: Nest of tensor specs.
      sizes: Number of continuous entries, and length of each one-hot group.
      config: How it learns.
      seed: Of the weights.

    Raises:
      ValueError: If the actor gives another shape than its contract says.
    """
    super().__init__(name='actor_learner')
    self._config = config
    self.actor = make_actor(observation_spec, *sizes, seed=seed)
    contract.check_actor(self.actor, observation_spec, *sizes)
    self.optimizer = optimizers.adam(
      config.learning_rate, config.weight_decay, self.learned
    )

  @property
  def learned(self) -> list[tf.Variable]:
    """What the loss changes."""
    return self.actor.learned

  def loss(
    self,
    batch: transitions.Transitions,
    importance: tf.Tensor,
    critic: critic_learner.CriticLearner,
    seed: tf.Tensor,
  ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Returns the loss, and the other terms by name.

    Args:
      batch: B transitions.
      importance: `[B]` weights of the transitions.
      critic: Its first target gives the advantage.
      seed: int32 `[2]`, of the baseline's actions.
    """
    config = self._config
    if not config.learns:
      zero = tf.constant(0.0)
      return zero, {'advantage': zero, 'weight': zero}
    distribution = self.actor.distribution(self.actor.encode(batch.observation))
    keep = batch.valid > 0
    if config.success_filter:
      keep &= batch.success
    weight, advantage = self._weigh(
      batch, distribution, keep, critic=critic, seed=seed
    )
    log_prob = distribution.log_prob(batch.action)
    kept = tf.cast(keep, tf.float32)
    kept_total = averages.total(kept)
    loss = losses.actor_loss(
      log_prob, weight * importance, keep, keep_total=kept_total
    )
    return loss, {
      'advantage': transitions.mean(advantage, batch),
      'weight': averages.weighted_mean(weight, kept, kept_total),
    }

  def update(self, gradients: Sequence[tf.Tensor]) -> None:
    """Changes what is learned by one step along its gradients."""
    optimizers.apply(self.optimizer, gradients, self.learned)

  def _weigh(self, batch, distribution, keep, *, critic, seed):
    """Returns weights `[B]` and advantages `[B]` of the logged actions."""
    config = self._config
    if config.weights == 'one':
      return tf.ones_like(batch.valid), tf.zeros_like(batch.valid)
    q_logged, q_actor = self._values(batch, distribution, critic, seed)
    advantage = q_logged - q_actor
    if config.weights == 'softmax':
      kept = replicas.gather(tf.cast(keep, tf.float32)) > 0
      weights = losses.softmax_weights(
        replicas.gather(advantage), kept, temperature=config.temperature
      )
      return replicas.own_rows(weights), advantage
    weight = losses.advantage_weights(
      q_logged,
      q_actor,
      temperature=config.temperature,
      max_weight=config.max_weight,
    )
    return weight, advantage

  def _values(self, batch, distribution, critic, seed):
    """Returns the target critic's values `[B]` of logged and own actions."""
    samples = self._config.baseline_samples
    if samples:
      own = distribution.sample(samples, seed)
    else:
      own = distribution.mode()[:, tf.newaxis]
    actions = tf.concat([batch.action[:, tf.newaxis], own], axis=1)
    features = critic.target.encode(batch.observation)
    values = critic.value(critic.target.score(features, actions))
    return values[:, 0], tf.reduce_mean(values[:, 1:], axis=1)
