"""Runs trials side by side, each on a core of its own."""

import collections
import dataclasses
import os
import time
from collections.abc import Callable, Sequence

from awopt_agent import files
from awopt_agent.train import progress
from awopt_agent.train.launching import role_process
from awopt_agent.trials import (
  collecting,
  commands,
  planning,
  records,
  sources,
  trial_folder,
)
from awopt_agent.trials import identity as identity_lib

__all__ = ['Outcome', 'Runner', 'cores']

_LOOK_EVERY_S = 0.2
_LINE_EVERY_S = 60.0
# A child saves its checkpoint; on a busy disk that takes its time.
_STOP_LIMIT_S = 120.0


@dataclasses.dataclass
class Outcome:
  """What became of the trials.

  Attributes:
    done: How many came to their end.
    failed: Names of those that failed.
  """

  done: int = 0
  failed: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class _Job:
  """A trial that runs."""

  planned: planning.Planned
  folder: trial_folder.TrialFolder
  core: int
  process: role_process.Process


class Runner:
  """Starts trials as cores become free, and records those that end."""

  def __init__(
    self,
    *,
    root_dir: str,
    records_dir: str,
    cores: Sequence[int],
    d3rlpy: str | None = None,
    stop_requested: Callable[[], bool] = lambda: False,
  ):
    """Starts nothing yet.

    Args:
      root_dir: Of the trials' folders.
      records_dir: Where records go.
      cores: For a trial each.
      d3rlpy: Python of an environment that has d3rlpy.
      stop_requested: Asked all the time; True lets all trials save and stop.
    """
    self._root_dir = os.path.abspath(root_dir)
    self._records_dir = records_dir
    self._cores = list(cores)
    self._d3rlpy = d3rlpy
    self._stop_requested = stop_requested
    self._jobs: list[_Job] = []
    self._outcome = Outcome()

  def run(self, planned: Sequence[planning.Planned]) -> Outcome:
    """Runs trials, or what is left of them, until a stop is asked for.

    Args:
      planned: In the order in which they start.

    Raises:
      ValueError: If code or configuration changed on the way; all others are
        stopped, and go on later.
    """
    queue = collections.deque(planned)
    self._outcome = Outcome()
    self._bar = progress.Progress(
      'trials', 'trials', total=len(planned), line_every_s=_LINE_EVERY_S
    )
    try:
      while (queue or self._jobs) and not self._stop_requested():
        for core in self._free_cores():
          if queue:
            self._begin(queue.popleft(), core)
        for job in list(self._jobs):
          self._look_after(job)
        self._bar.update(self._finished, self._names())
        time.sleep(_LOOK_EVERY_S)
    finally:
      self._stop()
      self._bar.close()
    return self._outcome

  @property
  def _finished(self) -> int:
    return self._outcome.done + len(self._outcome.failed)

  def _free_cores(self) -> list[int]:
    busy = {job.core for job in self._jobs}
    return [core for core in self._cores if core not in busy]

  def _names(self) -> str:
    return ' '.join(job.planned.trial.name for job in self._jobs)

  def _begin(self, planned: planning.Planned, core: int) -> None:
    trial = planned.trial
    _check_unchanged(planned)
    folder = trial_folder.TrialFolder(self._root_dir, trial.name)
    if folder.has_ended:
      self._conclude(planned, folder)
      return
    if self._takes_over(planned):
      return
    folder.begin(planned.identity, sources.commit())
    training = commands.training(trial, folder.path, d3rlpy=self._d3rlpy)
    process = self._start(training, folder, core)
    self._jobs.append(_Job(planned, folder, core, process))

  def _takes_over(self, planned: planning.Planned) -> bool:
    """Records a trial that has been run under another name, if it has."""
    trial = planned.trial
    same = records.find_same(
      self._records_dir,
      grid=trial.grid,
      seed=trial.seed,
      **dataclasses.asdict(planned.identity),
    )
    if same is None:
      return False
    record = dataclasses.replace(
      same, variant=trial.variant, same_as=same.variant
    )
    records.write(record, self._records_dir)
    self._outcome.done += 1
    self._bar.say(f'{record.trial}: the same run as {same.trial}')
    return True

  def _start(self, command, folder, core: int) -> role_process.Process:
    return commands.start(
      command, log=folder.log, core=core, cwd=self._root_dir
    )

  def _look_after(self, job: _Job) -> None:
    code = job.process.poll()
    if code is None:
      return
    if code:
      self._drop(job, _reason(code, job.folder.log))
      return
    try:
      command = self._next(job)
    except ValueError as error:
      self._drop(job, files.first_line(error))
      return
    if command:
      _check_unchanged(job.planned)
      job.process = self._start(command, job.folder, job.core)
      return
    self._jobs.remove(job)
    self._conclude(job.planned, job.folder)

  def _next(self, job: _Job) -> commands.Command | None:
    """Returns what follows the program that has ended."""
    trial, wanted = job.planned.trial, job.planned.trial.evaluation
    if not wanted or trial.peer:
      return None
    for measured in job.folder.measurements():
      if measured.get('bindings') == list(wanted.bindings):
        return None
    record = collecting.collect(trial, job.folder)
    policy = record.judged_kind(record.points[-1])
    return commands.evaluation(trial, job.folder.path, policy)

  def _drop(self, job: _Job, reason: str) -> None:
    self._jobs.remove(job)
    self._fail(job.planned, job.folder, reason)

  def _fail(self, planned, folder, reason: str) -> None:
    folder.pause()
    name = planned.trial.name
    self._outcome.failed.append(name)
    self._bar.say(f'{name} failed: {reason}; see {folder.log}')

  def _conclude(self, planned, folder: trial_folder.TrialFolder) -> None:
    """Records a trial that has ended; one that measured nothing has failed."""
    try:
      folder.pause(ended=True)
      self._record(planned, folder)
    except ValueError as error:
      self._fail(planned, folder, files.first_line(error))

  def _record(self, planned, folder: trial_folder.TrialFolder) -> None:
    record = collecting.collect(planned.trial, folder)
    records.write(record, self._records_dir)
    folder.tidy()
    self._outcome.done += 1
    last = record.points[-1]
    rate = last.success[record.judged_kind(last)]
    self._bar.say(
      f'{record.trial}: success {rate} of {rate.episodes} ({last.phase}) after '
      f'{last.episodes} episodes, {record.seconds / 60:.1f} minutes'
    )

  def _stop(self) -> None:
    """Lets all trials save."""
    for job in self._jobs:
      job.process.terminate()
    end = time.monotonic() + _STOP_LIMIT_S
    for job in self._jobs:
      while job.process.poll() is None and time.monotonic() < end:
        time.sleep(_LOOK_EVERY_S)
      job.process.kill()
      job.process.wait()
    # A disk that is full ends the first note; by then all have saved.
    stopped, self._jobs = self._jobs, []
    for job in stopped:
      job.folder.pause()


def cores(jobs: int | None) -> list[int]:
  """Returns the cores for so many trials at once.

  Args:
    jobs: How many; None for as many as there are cores.

  Raises:
    ValueError: If there are fewer.
  """
  found = sorted(os.sched_getaffinity(0))
  if jobs is not None and not 1 <= jobs <= len(found):
    raise ValueError(
      f'--jobs must be in 1..{len(found)}, a core for each trial, got {jobs}.'
    )
  return found[:jobs]


def _check_unchanged(planned: planning.Planned) -> None:
  if identity_lib.of(planned.trial) != planned.identity:
    raise ValueError(
      f'code or settings of {planned.trial.name} have changed since this '
      'command began; start it again.'
    )


def _reason(code: int, log: str) -> str:
  if code < 0:
    return f'killed by signal {-code}'
  return role_process.read_last_line(log) or f'exit code {code}'
