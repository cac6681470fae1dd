"""AW-Opt as a TF-Agents agent.

Source: Lu et al., AW-Opt: Learning Robotic Skills with Imitation and
Reinforcement at Scale, CoRL 2021 (arXiv:2111.05424), algorithm 1.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import gin
import tensorflow as tf
from tf_agents.agents import tf_agent

from awopt_agent import structs
from awopt_agent.learning import action_codec, cem, losses, networks, targets
from awopt_agent.policies import actor_policy, cem_policy
from awopt_agent.policies import exploration as exploration_lib

__all__ = ['ActorConfig', 'AwOptAgent', 'AwOptInfo', 'CriticConfig']


@gin.configurable
@dataclasses.dataclass(frozen=True)
class CriticConfig:
  """How the critic learns.

  Attributes:
    learning_rate: Of Adam.
    weight_decay: Of AdamW: each step shrinks the weights by this share of the
      learning rate. Few successes are learnt by heart without it.
    gamma: Our discount factor; the environment's discount comes on top.
    tau: Share of the critic that its first target takes over at each step.
    lag: Learner steps between copies of the first target into the second;
      0 for no second target.
    loss: 'cross_entropy' for returns in [0, 1], or 'squared_error'.
    use_candidate: Whether the actor's action competes in the target.
  """

  learning_rate: float = 1e-3
  weight_decay: float = 0.0
  gamma: float = 0.95
  tau: float = 0.01
  lag: int = 100
  loss: str = 'cross_entropy'
  use_candidate: bool = True

  def __post_init__(self):
    if self.loss not in ('cross_entropy', 'squared_error'):
      raise ValueError(
        "CriticConfig.loss must be 'cross_entropy' or 'squared_error', got "
        f'{self.loss!r}.'
      )
    if not 0 < self.tau <= 1:
      raise ValueError(f'CriticConfig.tau must be in (0, 1], got {self.tau}.')
    if not 0 <= self.gamma <= 1:
      raise ValueError(
        f'CriticConfig.gamma must be in [0, 1], got {self.gamma}.'
      )
    if self.lag < 0:
      raise ValueError(f'CriticConfig.lag must be >= 0, got {self.lag}.')


@gin.configurable
@dataclasses.dataclass(frozen=True)
class ActorConfig:
  """How the actor learns.

  Attributes:
    learning_rate: Of Adam.
    weight_decay: Of AdamW, as the critic's.
    temperature: Advantage, in return units, that multiplies a weight by e.
    max_weight: Upper clip of a weight.
    baseline_samples: K, actions whose mean value is the baseline of the
      advantage; 0 takes the value of the mode.
    success_filter: Whether only transitions of successful episodes count.
  """

  learning_rate: float = 1e-3
  weight_decay: float = 0.0
  temperature: float = 0.05
  max_weight: float = 20.0
  baseline_samples: int = 1
  success_filter: bool = True

  def __post_init__(self):
    if self.temperature <= 0:
      raise ValueError(
        f'ActorConfig.temperature must be > 0, got {self.temperature}.'
      )
    if self.max_weight <= 0:
      raise ValueError(
        f'ActorConfig.max_weight must be > 0, got {self.max_weight}.'
      )
    if self.baseline_samples < 0:
      raise ValueError(
        'ActorConfig.baseline_samples must be >= 0, got '
        f'{self.baseline_samples}.'
      )


class AwOptInfo(NamedTuple):
  """Every term of the loss, scalars; means over the batch unless said.

  Attributes:
    critic_loss: In nats, or squared return units.
    actor_loss: Weighted negative log-likelihood of the kept actions, nats.
    target: Bellman target, return units.
    value: Critic's value of the logged actions, return units.
    advantage: Of the logged actions over the actor's, return units.
    weight: Advantage weight of the kept actions.
    success_share: Share of transitions from successful episodes.
    candidate_share: Share of targets in which the actor beat CEM.
  """

  critic_loss: tf.Tensor
  actor_loss: tf.Tensor
  target: tf.Tensor
  value: tf.Tensor
  advantage: tf.Tensor
  weight: tf.Tensor
  success_share: tf.Tensor
  candidate_share: tf.Tensor


class _Batch(NamedTuple):
  """A batch of n-step transitions.

  Attributes:
    observation: Nest of `[B, ...]`.
    action: `[B, A]`.
    reward: `[B, n]`; 0 past the episode's end.
    discount: `[B, n]`, ours times the environment's; 1 past the end.
    next_observation: Nest of `[B, ...]`, n steps later or at the end.
    success: bool `[B]`.
    valid: float `[B]`, 0 where the first step is an episode's last, after
      which a buffer of whole trajectories goes on with the next episode.
  """

  observation: Any
  action: tf.Tensor
  reward: tf.Tensor
  discount: tf.Tensor
  next_observation: Any
  success: tf.Tensor
  valid: tf.Tensor


@gin.configurable(
  denylist=['time_step_spec', 'action_spec', 'train_step_counter', 'seed']
)
class AwOptAgent(tf_agent.TFAgent):
  """Learns from demonstrations, then improves by practice.

  The critic learns from all transitions, towards a target in which CEM and
  the actor's candidate compete. The actor learns from successful episodes
  alone, weighted by advantage. Practice is run by CEM or by the actor.

  Trains on `structs.Experience`: trajectories `[B, n + 1]` with a label on each
  step; `experience.labelling` makes them in a loop of your own.
  """

  def __init__(
    self,
    time_step_spec,
    action_spec,
    *,
    critic_network: Callable[..., networks.Critic] = networks.MlpCritic,
    actor_network: Callable[..., networks.Actor] = networks.MlpActor,
    critic: CriticConfig | None = None,
    actor: ActorConfig | None = None,
    target_cem: cem.CemConfig | None = None,
    policy_cem: cem.CemConfig | None = None,
    exploration: exploration_lib.ExplorationConfig | None = None,
    act_with_target: bool = False,
    n_step: int = 1,
    train_step_counter: tf.Variable | None = None,
    seed: int = 0,
  ):
    """Builds networks, targets, optimisers and policies.

    Args:
      time_step_spec: `TimeStep` of tensor specs.
      action_spec: Nest of bounded tensor specs, float or integer.
      critic_network: Makes a critic from `(observation_spec, action_size,
        seed=, name=)`. A factory, so that targets share no variables.
      actor_network: Makes an actor from `(observation_spec, continuous_size,
        discrete_sizes, seed=)`.
      critic: How the critic learns.
      actor: How the actor learns.
      target_cem: Search in the Bellman target.
      policy_cem: Search of the policies.
      exploration: How practice explores.
      act_with_target: Whether CEM policies maximise the first target, an
        average of the critic's past, instead of the critic.
      n_step: n, rewards in a target before the critic's value.
      train_step_counter: int64 scalar, counted up by each training step.
      seed: Of weights and of chance in training and practice.

    Raises:
      ValueError: If an action has no finite bounds, or `n_step < 1`.
    """
    if n_step < 1:
      raise ValueError(f'AwOptAgent.n_step must be >= 1, got {n_step}.')
    self._critic_config = critic or CriticConfig()
    self._actor_config = actor or ActorConfig()
    self._target_cem = target_cem or cem.CemConfig()
    self._act_with_target = act_with_target
    policy_cem = policy_cem or cem.CemConfig()
    if train_step_counter is None:
      train_step_counter = tf.Variable(0, dtype=tf.int64, name='train_step')
    self._codec = action_codec.ActionCodec(action_spec)
    observation_spec = time_step_spec.observation
    self._critic, self._target, self._lagged = [
      critic_network(observation_spec, self._codec.size, seed=seed, name=name)
      for name in ('critic', 'target_critic', 'lagged_critic')
    ]
    self._actor = actor_network(
      observation_spec,
      self._codec.continuous_size,
      self._codec.discrete_sizes,
      seed=seed,
    )
    self._critic_optimizer = _adam(self._critic_config, self._critic)
    self._actor_optimizer = _adam(self._actor_config, self._actor)
    self._training_rng = tf.random.Generator.from_seed(seed)
    self._practice_rng = tf.random.Generator.from_seed(seed + 1_000_003)

    specs = time_step_spec, action_spec
    acting_critic = self._acting_critic()
    self.actor_policy = actor_policy.ActorPolicy(*specs, actor=self._actor)
    self.cem_policy = cem_policy.CemPolicy(
      *specs, critic=acting_critic, config=policy_cem
    )
    self.cem_with_candidate_policy = cem_policy.CemPolicy(
      *specs,
      critic=acting_critic,
      actor=self._actor,
      config=policy_cem,
      name='cem_with_candidate_policy',
    )
    collect_policy = exploration_lib.EpisodeSwitchPolicy(
      *specs,
      actor=self._actor,
      critic=acting_critic,
      cem_config=policy_cem,
      config=exploration or exploration_lib.ExplorationConfig(),
      policy_step=train_step_counter,
      rng=self._practice_rng,
    )
    super().__init__(
      time_step_spec,
      action_spec,
      policy=self.cem_with_candidate_policy,
      collect_policy=collect_policy,
      train_sequence_length=n_step + 1,
      training_data_spec=structs.Experience(
        trajectory=collect_policy.trajectory_spec, label=label_spec()
      ),
      train_step_counter=train_step_counter,
    )
    self._initialize()

  @property
  def policies(self) -> dict[str, Any]:
    """The policies to evaluate and to serve, by kind."""
    return {
      'actor': self.actor_policy,
      'cem': self.cem_policy,
      'cem_with_candidate': self.cem_with_candidate_policy,
    }

  def q_value(self, observation: Any, action: Any) -> tf.Tensor:
    """Values actions by the critic that the CEM policies maximise.

    Args:
      observation: Nest of `[B, ...]`.
      action: Nest of `[B, ...]`, as the environment takes it.

    Returns:
      `[B]` float32, return units.

    Raises:
      ValueError: If the batch sizes differ, or the action lacks a part.
    """
    critic = self._acting_critic()
    features, vectors = critic.encode(observation), self._codec.encode(action)
    # A batch of one would be broadcast to any other.
    if not features.shape[:1].is_compatible_with(vectors.shape[:-1]):
      raise ValueError(
        'observation and action must have the same batch size, got '
        f'{features.shape[:1]} and {vectors.shape[:-1]}; pass one action for '
        'each observation.'
      )
    return self._value(critic.score(features, vectors[:, tf.newaxis]))[:, 0]

  def _acting_critic(self) -> networks.Critic:
    return self._target if self._act_with_target else self._critic

  def _initialize(self):
    _copy(self._critic, self._target)
    _copy(self._critic, self._lagged)

  def _train(self, experience, weights=None):
    with tf.GradientTape() as tape:
      loss_info = self._loss(experience, weights, training=True)
    critic_variables = list(self._critic.trainable_variables)
    actor_variables = list(self._actor.trainable_variables)
    # One pass: neither loss depends on the other's variables.
    gradients = tape.gradient(
      loss_info.loss, critic_variables + actor_variables
    )
    split = len(critic_variables)
    self._critic_optimizer.apply_gradients(
      zip(gradients[:split], critic_variables, strict=True)
    )
    self._actor_optimizer.apply_gradients(
      zip(gradients[split:], actor_variables, strict=True)
    )
    self.train_step_counter.assign_add(1)
    self._update_targets()
    self._summarize(loss_info.extra)
    return loss_info

  def _loss(self, experience, weights=None, training=False):
    batch = self._to_batch(experience)
    importance = batch.valid
    if weights is not None:
      importance *= weights
    critic_loss, critic_terms = self._critic_terms(batch, importance)
    actor_loss, actor_terms = self._actor_terms(batch, importance)
    info = AwOptInfo(
      critic_loss=critic_loss,
      actor_loss=actor_loss,
      success_share=_mean(tf.cast(batch.success, tf.float32), batch.valid),
      **critic_terms,
      **actor_terms,
    )
    return tf_agent.LossInfo(critic_loss + actor_loss, info)

  def _to_batch(self, experience: structs.Experience) -> _Batch:
    self._check_experience(experience)
    steps, label = experience
    start, action = tf.nest.map_structure(
      lambda x: x[:, 0], (steps.observation, steps.action)
    )
    same = label.episode_id == label.episode_id[:, :1]
    live = tf.cast((same & (label.step < label.length))[:, :-1], tf.float32)
    discount = self._critic_config.gamma * steps.discount[:, :-1]
    after = tf.cast(tf.reduce_sum(live, axis=1), tf.int32)
    return _Batch(
      observation=start,
      action=self._codec.encode(action),
      reward=steps.reward[:, :-1] * live,
      discount=discount * live + (1.0 - live),
      next_observation=tf.nest.map_structure(
        lambda x: tf.gather(x, after, batch_dims=1), steps.observation
      ),
      success=label.success[:, 0],
      valid=live[:, 0],
    )

  def _check_experience(self, experience: structs.Experience) -> None:
    if not isinstance(experience, structs.Experience):
      raise ValueError(
        'AwOptAgent trains on structs.Experience, a trajectory and its '
        f"episode's label, got {type(experience).__name__}; let "
        'experience.labelling.LabellingObserver fill your replay buffer.'
      )
    steps = experience.label.step.shape[1]
    if steps not in (None, self.train_sequence_length):
      raise ValueError(
        f'this agent trains on {self.train_sequence_length} consecutive steps '
        f'(n_step + 1), got {steps}; sample that many.'
      )

  def _critic_terms(self, batch: _Batch, importance: tf.Tensor):
    """Returns the critic's loss, and its other terms by name."""
    target, candidate_won = self._bellman_target(batch)
    features = self._critic.encode(batch.observation)
    score = self._critic.score(features, batch.action[:, tf.newaxis])[:, 0]
    # Over the valid ones: boundaries must not shrink the step.
    loss = tf.math.divide_no_nan(
      tf.reduce_sum(importance * self._critic_loss_fn(score, target)),
      tf.reduce_sum(batch.valid),
    )
    return loss, {
      'target': _mean(target, batch.valid),
      'value': _mean(self._value(score), batch.valid),
      'candidate_share': _mean(tf.cast(candidate_won, tf.float32), batch.valid),
    }

  def _bellman_target(self, batch: _Batch) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns targets `[B]` and where the actor's candidate won, bool `[B]`."""
    config = self._critic_config
    candidate = None
    if config.use_candidate:
      features = self._actor.encode(batch.next_observation)
      candidate = self._actor.distribution(features).mode()
    best = cem_policy.best_action(
      batch.next_observation,
      self._target,
      self._codec,
      config=self._target_cem,
      seed=self._training_seed(),
      candidate=candidate,
    )
    value = self._value(best.score)
    if config.lag:
      lagged = self._lagged.score(
        self._lagged.encode(batch.next_observation),
        best.action[:, tf.newaxis],
      )[:, 0]
      value = tf.minimum(value, self._value(lagged))
    target = targets.n_step_target(batch.reward, batch.discount, value)
    won = tf.zeros_like(batch.success)
    if candidate is not None:
      won = tf.reduce_all(best.action == candidate, axis=-1)
    return target, won

  def _actor_terms(self, batch: _Batch, importance: tf.Tensor):
    """Returns the actor's loss, and its other terms by name."""
    config = self._actor_config
    distribution = self._actor.distribution(
      self._actor.encode(batch.observation)
    )
    q_logged, q_actor = self._values_for_advantage(batch, distribution)
    weight = losses.advantage_weights(
      q_logged,
      q_actor,
      temperature=config.temperature,
      max_weight=config.max_weight,
    )
    keep = batch.valid > 0
    if config.success_filter:
      keep &= batch.success
    log_prob = distribution.log_prob(batch.action)
    loss = losses.actor_loss(log_prob, weight * importance, keep)
    return loss, {
      'advantage': _mean(q_logged - q_actor, batch.valid),
      'weight': _mean(weight, tf.cast(keep, tf.float32)),
    }

  def _values_for_advantage(self, batch: _Batch, distribution):
    """Returns the target critic's values `[B]` of logged and own actions."""
    samples = self._actor_config.baseline_samples
    if samples:
      own = distribution.sample(samples, self._training_seed())
    else:
      own = distribution.mode()[:, tf.newaxis]
    actions = tf.concat([batch.action[:, tf.newaxis], own], axis=1)
    values = self._value(
      self._target.score(self._target.encode(batch.observation), actions)
    )
    return values[:, 0], tf.reduce_mean(values[:, 1:], axis=1)

  def _critic_loss_fn(self, score, target):
    if self._critic_config.loss == 'cross_entropy':
      return losses.critic_cross_entropy(score, target)
    return losses.critic_squared_error(score, target)

  def _value(self, score: tf.Tensor) -> tf.Tensor:
    """Turns a critic's output into return units."""
    if self._critic_config.loss == 'cross_entropy':
      return tf.sigmoid(score)
    return score

  def _training_seed(self) -> tf.Tensor:
    seed = self._training_rng.make_seeds(1)[:, 0]
    return tf.cast(tf.bitwise.bitwise_and(seed, 0x7FFFFFFF), tf.int32)

  def _update_targets(self) -> None:
    config = self._critic_config
    triples = zip(
      self._critic.variables,
      self._target.variables,
      self._lagged.variables,
      strict=True,
    )
    due = tf.equal(self.train_step_counter % max(config.lag, 1), 0)
    for source, target, lagged in triples:
      target.assign_add(config.tau * (source - target))
      if config.lag:
        lagged.assign(tf.where(due, target, lagged))

  def _summarize(self, info: AwOptInfo) -> None:
    for name, value in info._asdict().items():
      tf.summary.scalar(f'train/{name}', value, step=self.train_step_counter)


def label_spec() -> structs.EpisodeLabel:
  """Returns the tensor specs of an `EpisodeLabel`."""
  return structs.EpisodeLabel(
    success=tf.TensorSpec([], tf.bool, 'success'),
    episode_id=tf.TensorSpec([], tf.int64, 'episode_id'),
    step=tf.TensorSpec([], tf.int32, 'step'),
    length=tf.TensorSpec([], tf.int32, 'length'),
    source=tf.TensorSpec([], tf.int32, 'source'),
    policy_step=tf.TensorSpec([], tf.int64, 'policy_step'),
  )


def _mean(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
  """Returns the weighted mean of `[B]` values; 0 where no weight is."""
  return tf.math.divide_no_nan(
    tf.reduce_sum(values * weights), tf.reduce_sum(weights)
  )


def _adam(config, network) -> tf.keras.optimizers.Optimizer:
  optimizer = tf.keras.optimizers.AdamW(
    config.learning_rate, config.weight_decay, jit_compile=False
  )
  optimizer.exclude_from_weight_decay(var_names=['bias'])
  # The slots must exist before a checkpoint is restored into them.
  optimizer.build(network.trainable_variables)
  return optimizer


def _copy(source: tf.Module, target: tf.Module) -> None:
  for old, new in zip(target.variables, source.variables, strict=True):
    old.assign(new)
