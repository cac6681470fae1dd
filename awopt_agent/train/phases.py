"""Pre-training on demonstrations, then practice and learning side by side."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tf_agents.policies import py_policy
from tf_agents.train import interval_trigger

from awopt_agent import statistics, structs
from awopt_agent.demos import demonstrations as demonstrations_lib
from awopt_agent.envs import vector_env
from awopt_agent.experience import labelling
from awopt_agent.train import (
  evaluation,
  metrics,
  practice,
  progress,
  seeds,
  stopping,
  train_config,
)

__all__ = ['Phases', 'describe', 'headline_rate']


class Phases:
  """Pre-training, practice with learning beside it, and evaluations.

  A subclass says what learns (`learner_step`, `_learn`), where experience goes
  (`_store`) and what is kept (`save`).
  """

  def __init__(
    self,
    config: train_config.TrainConfig,
    *,
    policy: py_policy.PyPolicy,
    policies: Mapping[str, Callable[[Any], Any]],
    headline: str,
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
      headline: Kind of the policy by which the run is judged.
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
    self._headline = headline
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
  def config(self) -> train_config.TrainConfig:
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
    kinds = evaluation.kinds(
      self._policies, self._headline, self._config, self.practised_episodes
    )
    try:
      rates = {
        kind: self._evaluator.evaluate(self._policies[kind], episodes)
        for kind in kinds
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


def headline_rate(rates: dict[str, Any], headline: str) -> Any:
  """Returns the headline's rate, or that of what was evaluated in its place."""
  return rates.get(headline, next(iter(rates.values())))


def describe(rates: dict[str, statistics.SuccessRate]) -> str:
  """Returns success rates as one line."""
  episodes = next(iter(rates.values())).episodes
  parts = ', '.join(f'{kind} {rate}' for kind, rate in rates.items())
  return f'success in {episodes} episodes [90% interval]: {parts}'
