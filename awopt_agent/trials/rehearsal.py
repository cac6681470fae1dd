"""Checks, before hours of work, that each method of a suite can begin."""

import os
import tempfile
import time
from collections.abc import Sequence

from awopt_agent.train.launching import role_process
from awopt_agent.trials import commands, planning, preparing, suite

__all__ = ['rehearse']

_LOOK_EVERY_S = 0.2


def rehearse(
  planned: Sequence[planning.Planned],
  *,
  cores: Sequence[int],
  d3rlpy: str | None = None,
) -> str:
  """Starts each method in each setting with `--dry_run`, one seed of it.

  Args:
    planned: The suites' trials.
    cores: For a program each.
    d3rlpy: As the training takes it.

  Returns:
    The line that says that all can begin.

  Raises:
    ValueError: If one cannot, with its own last line.
  """
  firsts: dict[tuple[str, str], suite.Trial] = {}
  for one in planned:
    if one.state is not planning.State.LEFT_OUT:
      firsts.setdefault((one.trial.grid, one.trial.variant), one.trial)
  trials = list(firsts.values())
  with tempfile.TemporaryDirectory() as folder:
    preparing.prepare(trials, folder, core=cores[0])
    for place in range(0, len(trials), len(cores)):
      group = trials[place : place + len(cores)]
      _check(group, folder, cores, d3rlpy)
  return f'dry run: {len(trials)} methods in their settings: all can begin.'


def _check(trials, folder: str, cores, d3rlpy) -> None:
  running = []
  for trial, core in zip(trials, cores, strict=False):
    log = os.path.join(folder, f'{core}.log')
    program = commands.training(trial, os.path.join(folder, 'x'), d3rlpy=d3rlpy)
    program.arguments.append('--dry_run')
    process = commands.start(program, log=log, core=core, cwd=folder)
    running.append((trial, log, process))
  for trial, log, process in running:
    while process.poll() is None:
      time.sleep(_LOOK_EVERY_S)
    if process.returncode:
      raise ValueError(
        f'{trial.name} cannot begin: {role_process.read_last_line(log)}'
      )
