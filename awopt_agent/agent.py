"""AW-Opt as a TF-Agents agent.

Source: Lu et al., AW-Opt: Learning Robotic Skills with Imitation and
Reinforcement at Scale, CoRL 2021 (arXiv:2111.05424), algorithm 1.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import gin
import tensorflow as tf
from tf_agents.agents import tf_agent

from awopt_agent import structs
from awopt_agent.learning import (
  action_codec,
  actor_learner,
  cem,
  critic_learner,
  networks,
  replicas,
  timing,
  transitions,
)
from awopt_agent.policies import actor_policy, cem_policy
from awopt_agent.policies import exploration as exploration_lib

__all__ = ['ActorConfig', 'AwOptAgent', 'AwOptInfo', 'CriticConfig']

ActorConfig = actor_learner.ActorConfig
CriticConfig = critic_learner.CriticConfig


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
    candidate_share: Share of targets in which the actor beat CEM; 0 where
      targets were given, for then nothing tells.
  """

  critic_loss: tf.Tensor
  actor_loss: tf.Tensor
  target: tf.Tensor
  value: tf.Tensor
  advantage: tf.Tensor
  weight: tf.Tensor
  success_share: tf.Tensor
  candidate_share: tf.Tensor


@gin.configurable(
  denylist=['time_step_spec', 'action_spec', 'train_step_counter', 'seed']
)
class AwOptAgent(tf_agent.TFAgent):
  """Learns from demonstrations, then improves by practice.

  The critic learns from all transitions, towards a target in which CEM and
  the actor's candidate compete. The actor learns from successful episodes
  alone, weighted by advantage. Practice is run by CEM or by the actor.

  Trains on `structs.Experience`: trajectories `[B, n + 1]` with a label on each
  step; `experience.labelling` makes them in a loop of your own. `train` and
  `loss` take `target=`, `[B]` Bellman targets from elsewhere, and compute none
  then.
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
    warm_start: bool = False,
    share_encoder: bool = False,
    headline: str = 'cem_with_candidate',
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
      warm_start: Whether CEM policies begin a search at the last action;
        practice explores afresh at each step.
      share_encoder: Whether the actor sees by the critic's encoder; its network
        is made for the encoded features then.
      headline: Kind of the policy that the agent is judged by: its `policy`.
      n_step: n, rewards in a target before the critic's value.
      train_step_counter: int64 scalar, counted up by each training step.
      seed: Of weights and of chance in training and practice.

    Raises:
      ValueError: If an action has no finite bounds, a network gives another
        shape, `n_step < 1`, the headline's policy does not learn, or the
        encoder would not.
    """
    if n_step < 1:
      raise ValueError(f'AwOptAgent.n_step must be >= 1, got {n_step}.')
    self._critic_config = critic or CriticConfig()
    self._actor_config = actor or ActorConfig()
    self._act_with_target = act_with_target
    if train_step_counter is None:
      train_step_counter = tf.Variable(
        0,
        dtype=tf.int64,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        name='train_step',
      )
    self._codec = action_codec.ActionCodec(action_spec)
    self.critic_learner = critic_learner.CriticLearner(
      critic_network,
      time_step_spec.observation,
      self._codec,
      self._critic_config,
      cem_config=target_cem or cem.CemConfig(),
      seed=seed,
    )
    if share_encoder:
      actor_network = self._on_shared_encoder(actor_network)
    self.actor_learner = actor_learner.ActorLearner(
      actor_network,
      time_step_spec.observation,
      (self._codec.continuous_size, self._codec.discrete_sizes),
      self._actor_config,
      seed=seed,
    )
    self._training_rng = tf.random.Generator.from_seed(seed)
    self._practice_rng = tf.random.Generator.from_seed(seed + 1_000_003)
    specs = time_step_spec, action_spec
    policy_cem = policy_cem or cem.CemConfig()
    self._policies = self._make_policies(specs, policy_cem, warm_start)
    self._check_headline(headline)
    self.headline = headline
    collect_policy = self._make_collect_policy(
      specs, policy_cem, exploration, train_step_counter
    )
    super().__init__(
      time_step_spec,
      action_spec,
      policy=self._policies[headline],
      collect_policy=collect_policy,
      train_sequence_length=n_step + 1,
      training_data_spec=structs.Experience(
        trajectory=collect_policy.trajectory_spec, label=label_spec()
      ),
      train_step_counter=train_step_counter,
    )
    self._part_timer = self._make_part_timer()
    self._initialize()

  def _on_shared_encoder(self, make_actor: Callable[..., networks.Actor]):
    """Returns what makes an actor that sees by the critic's encoder."""
    if not self.learns_values:
      raise ValueError(
        'AwOptAgent.share_encoder needs a critic that learns: nothing else '
        'trains the encoder; unbind it or CriticConfig.learns = False.'
      )
    return functools.partial(
      networks.SharedEncoderActor,
      self.critic_learner.critic.members[0],
      make_actor,
    )

  def _make_policies(self, specs, config: cem.CemConfig, warm_start: bool):
    """Returns the policies of the parts that learn, by kind."""
    actor, critic = self.actor_learner.actor, self._acting_critic()
    make_cem = functools.partial(
      cem_policy.CemPolicy,
      *specs,
      critic=critic,
      config=config,
      warm_start=warm_start,
    )
    policies: dict[str, Any] = {}
    if self._actor_config.learns:
      policies['actor'] = actor_policy.ActorPolicy(*specs, actor=actor)
    if self._critic_config.learns:
      policies['cem'] = make_cem()
    if self._actor_config.learns and self._critic_config.learns:
      policies['cem_with_candidate'] = make_cem(
        actor=actor, name='cem_with_candidate_policy'
      )
    return policies

  def _check_headline(self, headline: str) -> None:
    if headline not in self._policies:
      raise ValueError(
        f'AwOptAgent.headline must be one of {", ".join(self._policies)}, the '
        f'policies that this agent learns, got {headline!r}.'
      )

  def _make_collect_policy(self, specs, policy_cem, exploration, step):
    """Returns the policy of practice."""
    return exploration_lib.ExplorationPolicy(
      *specs,
      actor=self.actor_learner.actor,
      critic=self._acting_critic(),
      cem_config=policy_cem,
      config=exploration or exploration_lib.ExplorationConfig(),
      policy_step=step,
      rng=self._practice_rng,
    )

  @property
  def policies(self) -> dict[str, Any]:
    """The policies to evaluate and to serve, by kind."""
    return dict(self._policies)

  @property
  def learns_values(self) -> bool:
    """Whether a critic learns, so that `q_value` means something."""
    return self._critic_config.learns

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
    rows = features[0].shape[:1]
    # A batch of one would be broadcast to any other.
    if not rows.is_compatible_with(vectors.shape[:-1]):
      raise ValueError(
        'observation and action must have the same batch size, got '
        f'{rows} and {vectors.shape[:-1]}; pass one action for each '
        'observation.'
      )
    score = critic.score(features, vectors[:, tf.newaxis])[:, 0]
    return self.critic_learner.value(score)

  def _acting_critic(self) -> networks.Critic:
    learner = self.critic_learner
    return learner.target if self._act_with_target else learner.critic

  def _initialize(self):
    self.critic_learner.begin()

  @property
  def target_variables(self) -> list[tf.Variable]:
    """What `bellman_targets` reads: weights to send to who computes them."""
    return self.critic_learner.target_variables(self.actor_learner.actor)

  @property
  def acting_variables(self) -> list[tf.Variable]:
    """The step counter, and the weights by which all policies act.

    Weights to send to who practises or evaluates; without the state of chance,
    which is each one's own.
    """
    weights = networks.variables_of(
      self.actor_learner.actor, self._acting_critic()
    )
    return [self.train_step_counter, *weights]

  def bellman_targets(self, experience: structs.Experience) -> tf.Tensor:
    """Computes what the critic learns towards, as a training step does.

    Draws from the chance of training. To train on these targets, here or in
    another process, hand them on: `train(experience, target=targets)`.

    Args:
      experience: A batch, as `train` takes it.

    Returns:
      `[B]` float32, return units; 0 where the critic does not learn.

    Raises:
      ValueError: If the experience does not fit `training_data_spec`.

    Source: the Bellman updaters of QT-Opt (arXiv:1806.10293).
    """
    batch, _ = self._transitions(experience, None)
    return self._target(batch, self._training_seed())[0]

  def time_parts(
    self, experience: structs.Experience, *, target_given: bool = False
  ) -> dict[str, float]:
    """Times the parts of a training step, each alone; nothing is learned.

    Args:
      experience: A batch, as `train` takes it.
      target_given: Whether `train` is given its targets, and has no such part.

    Returns:
      Seconds of 'target', 'critic' and 'actor'; the latter two with gradients.
    """
    without = ['target'] if target_given else []
    return self._part_timer.seconds(experience, without=without)

  def _train(self, experience, weights=None, target=None):
    replicas.check_inside(self.train_step_counter)
    # Before anything is checked, so that all replicas stop at the same batch.
    gradients, info = replicas.mean(
      self._differentiate(experience, weights, target)
    )
    info = _finite_losses(info)
    # No weight changes by a batch that is not finite.
    with tf.control_dependencies(
      [info.critic_loss, info.actor_loss, *_finite_norms(*gradients)]
    ):
      self._update(*gradients)
    self._summarize(info)
    return _loss_info(info)

  def _loss(self, experience, weights=None, training=False, target=None):
    _, info = self._differentiate(experience, weights, target)
    return _loss_info(_finite_losses(replicas.mean(info)))

  def _differentiate(self, experience, weights, given):
    """Returns the gradients of what the losses change, and all terms."""
    batch, importance = self._transitions(
      experience, weights, target_given=given is not None
    )
    # Two, even where the target needs none: the actor's chance stays the same.
    seeds = self._training_seed(), self._training_seed()
    if given is None:
      target, target_terms = self._target(batch, seeds[0])
    else:
      target, target_terms = self.critic_learner.given_target(batch, given)
    critic_loss, critic_terms, critic_gradients = _with_gradient(
      self.critic_learner, batch, importance, target
    )
    actor_loss, actor_terms, actor_gradients = _with_gradient(
      self.actor_learner, batch, importance, self.critic_learner, seeds[1]
    )
    success = tf.cast(batch.success, tf.float32)
    info = AwOptInfo(
      critic_loss=critic_loss,
      actor_loss=actor_loss,
      success_share=transitions.mean(success, batch),
      **target_terms,
      **critic_terms,
      **actor_terms,
    )
    return (critic_gradients, actor_gradients), info

  def _target(self, batch: transitions.Transitions, seed: tf.Tensor):
    actor = self.actor_learner.actor
    return self.critic_learner.bellman_target(batch, actor=actor, seed=seed)

  def _make_part_timer(self) -> timing.PartTimer:
    seed = tf.constant([0, 0])  # Not those of training, which must not move.

    def part(compute, target_given=True):
      return lambda experience: compute(
        *self._transitions(experience, None, target_given=target_given)
      )

    return timing.PartTimer(
      {
        'target': part(
          lambda batch, _: self._target(batch, seed)[0], target_given=False
        ),
        'critic': part(
          lambda batch, importance: _with_gradient(
            self.critic_learner, batch, importance, batch.valid
          )[2]
        ),
        'actor': part(
          lambda batch, importance: _with_gradient(
            self.actor_learner, batch, importance, self.critic_learner, seed
          )[2]
        ),
      }
    )

  def _transitions(self, experience, weights, *, target_given=False):
    """Returns a batch of transitions, and their weights `[B]`."""
    steps = [self.train_sequence_length]
    if target_given:
      steps.insert(0, 1)
    transitions.check_experience(experience, self.training_data_spec, steps)
    batch = transitions.from_experience(
      experience,
      self._codec,
      gamma=self._critic_config.gamma,
      reward_scale=self._critic_config.reward_scale,
    )
    return batch, batch.valid if weights is None else batch.valid * weights

  def _update(self, critic_gradients, actor_gradients) -> None:
    """Changes all weights by one step, and counts it."""
    if self._critic_config.learns:
      self.critic_learner.update(critic_gradients)
    if self._actor_config.learns:
      self.actor_learner.update(actor_gradients)
    replicas.update(self._count_and_follow)

  def _count_and_follow(self, assign: Callable[..., None]) -> None:
    """Counts the step, and lets the targets follow it."""
    assign(lambda step: step.assign_add(1), self.train_step_counter)
    self.critic_learner.update_targets(self.train_step_counter, assign)

  def _training_seed(self) -> tf.Tensor:
    seed = self._training_rng.make_seeds(1)[:, 0]
    return tf.cast(tf.bitwise.bitwise_and(seed, 0x7FFFFFFF), tf.int32)

  def _summarize(self, info: AwOptInfo) -> None:
    with tf.name_scope(''):  # A loop around would be part of the names.
      for name, value in info._asdict().items():
        tf.summary.scalar(f'train/{name}', value, step=self.train_step_counter)


def _with_gradient(learner, *args):
  """Returns a learner's loss, its terms, and the gradient of the loss."""
  with tf.GradientTape() as tape:
    loss, terms = learner.loss(*args)
  return loss, terms, tape.gradient(loss, learner.learned)


def _finite_losses(info: AwOptInfo) -> AwOptInfo:
  """Returns the same terms, if both losses are finite."""
  return info._replace(
    critic_loss=_finite(info.critic_loss, 'critic_loss'),
    actor_loss=_finite(info.actor_loss, 'actor_loss'),
  )


def _loss_info(info: AwOptInfo) -> tf_agent.LossInfo:
  """Returns what TF-Agents' learner adds up over all replicas."""
  if replicas.count() > 1:
    info = tf.nest.map_structure(lambda x: x / replicas.count(), info)
  return tf_agent.LossInfo(info.critic_loss + info.actor_loss, info)


def _finite_norms(critic_gradients, actor_gradients) -> list[tf.Tensor]:
  """Returns the norms of what there is; a step goes only by finite ones."""
  named = (
    ('critic_gradient', critic_gradients),
    ('actor_gradient', actor_gradients),
  )
  return [
    _finite(tf.linalg.global_norm(gradients), name)
    for name, gradients in named
    if any(part is not None for part in gradients)
  ]


def _finite(value: tf.Tensor, name: str) -> tf.Tensor:
  return tf.debugging.check_numerics(
    value,
    f'AwOptAgent: {name} is not finite; check the batch, or lower the '
    'learning rates.',
  )


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
