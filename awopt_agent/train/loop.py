"""Pre-training on demonstrations, then practice and learning side by side."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gin
from tf_agents.policies import py_policy
from tf_agents.train import interval_trigger

from awopt_agent import agent as agent_lib
from awopt_agent import statistics, structs
from awopt_agent.demos import demonstrations as demonstrations_lib
from awopt_agent.envs import vector_env
from awopt_agent.experience import augmentation, datasets, labelling, tables
from awopt_agent.experience import replay as replay_lib
from awopt_agent.train import (
  checkpoints,
  evaluation,
  learner,
  metrics,
  practice,
  progress,
  seeds,
  stopping,
)

__all__ = ['Phases', 'TrainConfig', 'Trainer', 'describe']


_AT_LEAST_ONE = (
  'batch_size',
  'num_envs',
  'num_parallel_environments',
  'round_steps',
  'eval_every',
  'eval_episodes',
  'final_eval_episodes',
  'summary_every',
)


@gin.configurable
@dataclasses.dataclass(frozen=True)
class TrainConfig:
  """How long a run trains, and on what.

  Attributes:
    demonstrations: Folder or TFDS name of the demonstrations, or a list of
      `@Demonstrations()`, each with a split, a weight and a mapping.
    split: Of the demonstrations, where they are one folder or name.
    strict_demonstrations: Whether an episode that cannot be learnt from ends
      the run before it begins; else it is passed over, and named.
    offline: Whether there is no environment: the demonstrations tell the
      specs, and nothing is practised or evaluated.
    pretrain_steps: Learner steps on demonstrations alone.
    practice_episodes: Episodes of practice after that.
    replay_ratio: Learner steps for each environment step of practice.
    batch_size: Transitions in a batch.
    success_fraction: Share of each batch from the success table; None draws
      in proportion to the tables' sizes.
    success_threshold: An episode whose return reaches it is a success.
    num_envs: Environments that practise.
    num_parallel_environments: Processes over which they are spread; those of
      one process step together. The learner needs a core beside them.
    round_steps: Environment steps, all environments together, that are
      practised while the learner does its share; then each waits for the
      other.
    eval_every: Episodes of practice between evaluations.
    eval_episodes: Episodes of an evaluation on the way, for each policy.
    final_eval_episodes: Episodes of the evaluations after pre-training and at
      the end, for each policy.
    eval_headline_only: Whether only the policy is evaluated by which the run is
      judged at the time; see `evaluation.judged`.
    checkpoint_every: Learner steps between checkpoints.
    summary_every: Learner steps between TensorBoard summaries.
    augment: How images change in the learner's batches; bind AugmentConfig.
  """

  demonstrations: Any = gin.REQUIRED
  split: str = 'train'
  strict_demonstrations: bool = False
  offline: bool = False
  pretrain_steps: int = gin.REQUIRED
  practice_episodes: int = gin.REQUIRED
  replay_ratio: float = 1.0
  batch_size: int = 128
  success_fraction: float | None = 0.5
  success_threshold: float = 0.5
  num_envs: int = 16
  num_parallel_environments: int = 1
  round_steps: int = 320
  eval_every: int = 1000
  eval_episodes: int = 48
  final_eval_episodes: int = 200
  eval_headline_only: bool = False
  checkpoint_every: int = 5000
  summary_every: int = 200
  # Made here, so that a run's stored configuration knows its bindings.
  augment: augmentation.AugmentConfig = dataclasses.field(
    default_factory=augmentation.AugmentConfig
  )

  def __post_init__(self):
    for field in dataclasses.fields(self):
      self._check(field.name, field.type, getattr(self, field.name))
    if self.offline and self.practice_episodes:
      raise ValueError(
        'TrainConfig.offline has no environment to practise in, but '
        f'practice_episodes is {self.practice_episodes}; bind it to 0.'
      )
    fraction = self.success_fraction
    if fraction is not None and not 0 <= fraction <= 1:
      raise ValueError(
        f'TrainConfig.success_fraction must be in [0, 1] or None, got '
        f'{fraction}.'
      )
    if self.round_steps < self.num_parallel_environments:
      raise ValueError(
        'TrainConfig.round_steps must be >= num_parallel_environments '
        f'({self.num_parallel_environments}), a step for each process, got '
        f'{self.round_steps}.'
      )

  @property
  def sets(self) -> list[demonstrations_lib.Demonstrations]:
    """The sets of demonstrations."""
    return demonstrations_lib.as_sets(self.demonstrations, self.split)

  def _check(self, name: str, kind: Any, value: Any) -> None:
    if name == 'demonstrations':
      demonstrations_lib.as_sets(value, self.split)
      return
    not_numbers = (str, augmentation.AugmentConfig)
    if not isinstance(value, kind if kind in not_numbers else kind | int):
      raise ValueError(
        f'TrainConfig.{name} must be {getattr(kind, "__name__", kind)}, got '
        f'{value!r}.'
      )
    if name in ('success_threshold', 'success_fraction'):
      return
    if kind in not_numbers:
      return
    if name == 'replay_ratio' and not value > 0:
      raise ValueError(f'TrainConfig.replay_ratio must be > 0, got {value}.')
    least = 1 if name in _AT_LEAST_ONE else 0
    if float(value) < least:
      raise ValueError(f'TrainConfig.{name} must be >= {least}, got {value}.')


class Phases:
  """Pre-training, practice with learning beside it, and evaluations.

  A subclass says what learns (`learner_step`, `_learn`), where experience goes
  (`_store`) and what is kept (`save`).
  """

  def __init__(
    self,
    config: TrainConfig,
    *,
    policy: py_policy.PyPolicy,
    policies: Mapping[str, Callable[[Any], Any]],
    env: vector_env.VectorEnv | vector_env.ProcessEnv,
    log: metrics.MetricsLog,
    seed: int,
    stop_requested: Callable[[], bool] = lambda: False,
  ):
    """Joins the parts; nothing runs yet.

    Args:
      config: How long, and on what.
      policy: Practises.
      policies: What is evaluated, by its kind; see `Evaluator.evaluate`.
      env: Where both happen; batched.
      log: Where results go.
      seed: Of evaluation.
      stop_requested: Asked after each round; True saves and stops.
    """
    self._config = config
    self._env = env
    self._log = log
    self._stop_requested = stop_requested
    self._policies = dict(policies)
    self._info_spec = policy.info_spec
    self._episode_ids = labelling.EpisodeIds()
    self._recent: list[bool] = []
    self.practised_episodes = 0
    self.practised_steps = 0
    self._pretrained = False
    self._practice = practice.Practice(
      policy,
      env,
      round_steps=config.round_steps,
      write=self._write,
      episode_ids=self._episode_ids,
      success_threshold=config.success_threshold,
    )
    self._evaluator = evaluation.Evaluator(
      env,
      seed=seeds.first_environment_seed(seeds.EVALUATION, seed),
      success_threshold=config.success_threshold,
      stop_requested=stop_requested,
    )
    self._save_trigger = interval_trigger.IntervalTrigger(
      config.checkpoint_every, self.save
    )

  @property
  def config(self) -> TrainConfig:
    return self._config

  @property
  def learner_step(self) -> int:
    """Learner steps so far."""
    raise NotImplementedError

  def save(self) -> None:
    """Keeps what a later start needs to go on."""
    raise NotImplementedError

  def _learn(self, steps: int) -> str:
    """Takes learner steps; returns a note of the last one's loss."""
    raise NotImplementedError

  def _store(self, experience: structs.Experience) -> None:
    """Takes an episode `[T + 1, ...]` to learn from."""
    raise NotImplementedError

  def _kinds(self) -> list[str]:
    """Returns the kinds of the policies to evaluate."""
    return list(self._policies)

  def _start_round(self) -> Callable[[], None]:
    """Starts a round of practice; returns what waits for its end."""
    return self._practice.start_round()

  def add_demonstrations(
    self, episodes: Iterator[structs.Episode], *, total: int
  ) -> tuple[int, int]:
    """Stores demonstrations.

    Args:
      episodes: Taken one at a time.
      total: How many will come, at most.

    Returns:
      How many came, and how many of them succeeded.
    """
    bar = progress.Progress('demonstrations', 'episodes', total=total)
    count = successes = transitions = 0
    for episode in episodes:
      info = labelling.no_policy_info(self._info_spec, episode.length)
      self._store(
        labelling.label_episode(
          episode,
          episode_id=self._episode_ids.take(),
          policy_info=info,
        )
      )
      count += 1
      successes += bool(episode.success)
      transitions += episode.length
      bar.update(count, f'{transitions} transitions')
    bar.close()
    return count, successes

  def read_demonstrations(
    self, demonstrations: demonstrations_lib.DemonstrationReader
  ) -> None:
    """Stores all that fit the environment, and says what was left out."""
    episodes = demonstrations.read(
      self._env.time_step_spec(),
      self._env.action_spec(),
      on_refused=lambda reason: print(f'refused: {reason}', flush=True),
    )
    count, successes = self.add_demonstrations(
      episodes, total=demonstrations.total
    )
    if notes := demonstrations.report():
      print(f'{count} demonstrations, {notes}', flush=True)
    if not successes:
      print(
        'no demonstration succeeded: the actor learns nothing from them; see '
        'Mapping.success.',
        flush=True,
      )

  def _state(self) -> dict[str, Any]:
    """Returns counters and states that JSON can hold."""
    return {
      'env': self._env.get_state(),
      'next_episode_id': self._episode_ids.following,
      'practised_episodes': self.practised_episodes,
      'practised_steps': self.practised_steps,
      'pretrained': self._pretrained,
    }

  def _take_up(self, state: Mapping[str, Any]) -> None:
    """Goes on from what `_state` returned, once the learner does."""
    self._env.set_state(state['env'])
    self._practice.reset()
    self._episode_ids.following = state['next_episode_id']
    self.practised_episodes = state['practised_episodes']
    self.practised_steps = state['practised_steps']
    self._pretrained = state['pretrained']
    self._save_trigger.set_start(self.learner_step)
    self._log.append({'phase': 'resume', **self._where()})

  def pretrain(self) -> dict[str, statistics.SuccessRate] | None:
    """Learns from demonstrations alone, to `pretrain_steps`.

    Returns:
      Success of each policy; None where this was done before a restart.
    """
    total = self._config.pretrain_steps
    if self._pretrained:
      return None
    bar = progress.Progress(
      'pre-training', 'steps', total=total, start=self.learner_step
    )
    while self.learner_step < total:
      note = self._learn(min(200, total - self.learner_step))
      bar.update(self.learner_step, note)
      self._after_round()
    bar.close()
    self.save()
    rates = self.evaluate('pretrain', self._config.final_eval_episodes)
    self._pretrained = True
    self.save()
    return rates

  def practise(self) -> None:
    """Practises and learns side by side, to `practice_episodes`."""
    config = self._config
    total = config.practice_episodes
    bar = progress.Progress(
      'practice', 'episodes', total=total, start=self.practised_episodes
    )
    next_evaluation = self._next_evaluation()
    steps = max(1, round(config.replay_ratio * config.round_steps))
    while self.practised_episodes < total:
      wait_for_round = self._start_round()
      note = self._learn(steps)
      wait_for_round()
      self.practised_steps += config.round_steps
      bar.update(min(self.practised_episodes, total), self._note(note))
      self._after_round()
      if next_evaluation <= self.practised_episodes < total:
        next_evaluation = self._next_evaluation()
        bar.say(describe(self.evaluate('practice', config.eval_episodes)))
    bar.close()

  def evaluate(
    self, phase: str, episodes: int
  ) -> dict[str, statistics.SuccessRate]:
    """Evaluates the policies (offline, none), and records the result."""
    try:
      rates = {
        kind: self._evaluator.evaluate(self._policies[kind], episodes)
        for kind in self._kinds()
      }
    except stopping.Stopped:
      self.save()
      raise
    self._practice.reset()  # The environments were borrowed.
    success = {kind: rate.as_record() for kind, rate in rates.items()}
    self._log.append({'phase': phase, **self._where(), 'success': success})
    return rates

  def close(self) -> None:
    """Ends practice."""
    self._practice.close()

  def _write(self, experience: structs.Experience) -> None:
    self._store(experience)
    self.practised_episodes += 1
    self._recent = [*self._recent[-199:], bool(experience.label.success[0])]

  def _after_round(self) -> None:
    self._save_trigger(self.learner_step)
    if self._stop_requested():
      self.save()
      raise stopping.Stopped

  def _next_evaluation(self) -> int:
    every = self._config.eval_every
    return (self.practised_episodes // every + 1) * every

  def _note(self, loss: str) -> str:
    successes = sum(self._recent) / max(len(self._recent), 1)
    return (
      f'{self.learner_step} learner steps, success {successes:.2f} in practice,'
      f' {loss}'
    )

  def _where(self) -> dict[str, Any]:
    return {
      'time': round(time.time(), 1),
      'learner_step': self.learner_step,
      'episodes': self.practised_episodes,
      'steps': self.practised_steps,
    }


class Trainer(Phases):
  """One process that trains: environments beside it, replay inside it.

  While the environments practise a round in a process of their own, the
  learner does its share of steps; then both meet. So neither runs away from
  the other, and two cores are busy.
  """

  def __init__(
    self,
    config: TrainConfig,
    *,
    agent: agent_lib.AwOptAgent,
    env: vector_env.VectorEnv | vector_env.ProcessEnv,
    replay: replay_lib.Replay,
    store: checkpoints.CheckpointStore,
    log: metrics.MetricsLog,
    root_dir: str,
    seed: int,
    stop_requested: Callable[[], bool] = lambda: False,
  ):
    """Joins the parts; nothing runs yet.

    Args:
      config: How long, and on what.
      agent: What learns.
      env: Where it practises; batched.
      replay: Where experience goes.
      store: Where checkpoints go.
      log: Where results go.
      root_dir: Folder of the run, for summaries.
      seed: Of evaluation and batches.
      stop_requested: Asked after each round; True saves and stops.
    """
    self._agent = agent
    self._replay = replay
    self._checkpoints = store
    self._step = agent.train_step_counter
    self._writer = tables.EpisodeWriter(
      replay.client,
      agent.training_data_spec,
      steps_per_item=replay.steps_per_item,
    )
    self._learner = self._make_learner(config, root_dir, seed)
    super().__init__(
      config,
      policy=practice.as_py_policy(agent.collect_policy),
      policies={
        kind: evaluation.as_function(policy)
        for kind, policy in agent.policies.items()
      },
      env=env,
      log=log,
      seed=seed,
      stop_requested=stop_requested,
    )

  def _make_learner(
    self, config: TrainConfig, root_dir: str, seed: int
  ) -> learner.Learner:
    batches = datasets.make_dataset(
      self._replay.client,
      self._agent.training_data_spec,
      batch_size=config.batch_size,
      success_fraction=config.success_fraction,
      augment=config.augment,
      seed=seed,
    )
    return learner.Learner(
      self._agent,
      batches,
      root_dir=root_dir,
      summary_every=config.summary_every,
    )

  @property
  def learner_step(self) -> int:
    return int(self._step.numpy())

  def _learn(self, steps: int) -> str:
    return f'critic loss {self._learner.run(steps).critic_loss:.3f}'

  def _store(self, experience: structs.Experience) -> None:
    self._writer(experience)

  def _kinds(self) -> list[str]:
    return evaluation.kinds(self._agent, self._config, self.practised_episodes)

  def restore(self, folder: str) -> None:
    """Takes up a checkpoint; the replay was started from it already."""
    self._take_up(self._checkpoints.restore_agent(folder))

  def save(self) -> None:
    """Writes a checkpoint."""
    self._checkpoints.save(self.learner_step, self._replay, self._state())

  def close(self) -> None:
    """Ends practice and the stream to the replay."""
    super().close()
    self._writer.close()


def headline_rate(rates: dict[str, Any], headline: str) -> Any:
  """Returns the headline's rate, or that of what was evaluated in its place."""
  return rates.get(headline, next(iter(rates.values())))


def describe(rates: dict[str, statistics.SuccessRate]) -> str:
  """Returns success rates as one line."""
  episodes = next(iter(rates.values())).episodes
  parts = ', '.join(f'{kind} {rate}' for kind, rate in rates.items())
  return f'success in {episodes} episodes [90% interval]: {parts}'
