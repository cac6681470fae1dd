"""Records an expert at work in an environment."""

import dataclasses
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TextIO

import tqdm

from awopt_agent import statistics, structs
from awopt_agent.demos import schema

__all__ = ['Counts', 'Expert', 'Recorder', 'show_progress']

# An expert that succeeds less often than this is broken.
_LEAST_SUCCESS_RATE = 0.02
_LEAST_ATTEMPTS = 100


class Expert(Protocol):
  """Who demonstrates."""

  def reset(self) -> None:
    """Begins an episode."""

  def action(self, observation: Any) -> Any:
    """Chooses an action for an observation."""


@dataclasses.dataclass
class Counts:
  """What a recording did so far.

  Attributes:
    attempts: Episodes played.
    successes: Those of them that succeeded.
    kept: Those of them that were kept.
  """

  attempts: int = 0
  successes: int = 0
  kept: int = 0

  def __str__(self) -> str:
    rate = self.successes / max(1, self.attempts)
    interval = statistics.wilson_interval(self.successes, self.attempts)
    return (
      f'kept {self.kept} of {self.attempts} episodes; {self.successes} '
      f'succeeded, {rate:.3f} {interval} (90% interval)'
    )


class Recorder:
  """Plays episodes, and keeps the good ones or all.

  Attributes:
    counts: What happened so far, discarded episodes included.
  """

  def __init__(
    self,
    environment: Any,
    expert: Expert,
    *,
    keep_failures: bool = False,
    success_threshold: float = schema.DEFAULT_SUCCESS_THRESHOLD,
  ):
    """Prepares a recording.

    Args:
      environment: An unbatched `PyEnvironment`.
      expert: Who acts in it.
      keep_failures: Whether failed episodes are kept too.
      success_threshold: Return from which an episode is a success.
    """
    self._environment = environment
    self._expert = expert
    self._keep_failures = keep_failures
    self._success_threshold = success_threshold
    self.counts = Counts()

  def record(self, count: int) -> Iterator[structs.Episode]:
    """Plays until `count` more episodes are kept, and yields those.

    Raises:
      ValueError: If nearly all attempts fail, while only successes are kept.
    """
    goal = self.counts.kept + count
    while self.counts.kept < goal:
      episode = self._play()
      self.counts.attempts += 1
      self.counts.successes += episode.success
      if episode.success or self._keep_failures:
        self.counts.kept += 1
        yield episode
      self._check_expert()

  def _play(self) -> structs.Episode:
    time_steps, actions = [self._environment.reset()], []
    self._expert.reset()
    while not time_steps[-1].is_last():
      actions.append(self._expert.action(time_steps[-1].observation))
      time_steps.append(self._environment.step(actions[-1]))
    return schema.episode_from_time_steps(
      time_steps, actions, success_threshold=self._success_threshold
    )

  def _check_expert(self) -> None:
    counts = self.counts
    if self._keep_failures or counts.attempts < _LEAST_ATTEMPTS:
      return
    if counts.successes < _LEAST_SUCCESS_RATE * counts.attempts:
      raise ValueError(
        f'who acts succeeded in only {counts.successes} of '
        f'{counts.attempts} episodes; lower the noise and bias of '
        'an expert, check TrainConfig.success_threshold, or keep failures too.'
      )


def show_progress(
  episodes: Iterable[structs.Episode],
  total: int,
  *,
  stream: TextIO | None = None,
) -> Iterator[structs.Episode]:
  """Passes episodes through, and reports them as they come.

  Args:
    episodes: What to pass through.
    total: How many will come.
    stream: Where to report, standard error by default: a bar on a terminal,
      else about ten plain lines.

  Yields:
    The episodes.
  """
  stream = stream or sys.stderr
  if stream.isatty():
    yield from tqdm.tqdm(episodes, total=total, unit='episode', file=stream)
    return
  every = max(1, total // 10)
  for done, episode in enumerate(episodes, start=1):
    yield episode
    if done % every == 0:
      print(f'{done} of {total} episodes', file=stream, flush=True)
