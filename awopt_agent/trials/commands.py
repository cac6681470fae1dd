"""The programs that a trial consists of."""

import os
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from awopt_agent import resources
from awopt_agent.train.launching import role_process
from awopt_agent.trials import suite

__all__ = ['Command', 'evaluation', 'recording', 'start', 'training']


class Command(NamedTuple):
  """A program and its arguments."""

  module: str
  arguments: list[str]


def training(
  trial: suite.Trial, folder: str, *, d3rlpy: str | None = None
) -> Command:
  """Returns the training, which goes on where it was stopped.

  Args:
    trial: Of a suite.
    folder: Of the trial.
    d3rlpy: Python of an environment that has d3rlpy, for its methods.
  """
  arguments = [f'--gin_file={_absolute(file)}' for file in trial.gin_files]
  arguments += _repeat('--gin_bindings', trial.bindings)
  arguments += [f'--root_dir={folder}', f'--seed={trial.seed}']
  if not trial.peer:
    return Command('awopt_agent.train.train', arguments)
  return Command(
    'awopt_agent.trials.peers.train',
    [*arguments, f'--peer={trial.peer}', f'--d3rlpy={d3rlpy}'],
  )


def evaluation(trial: suite.Trial, folder: str, policy: str) -> Command:
  """Returns what measures a trial's policy after the training.

  Args:
    trial: One with an evaluation.
    folder: Of the trial.
    policy: Kind of the policy.
  """
  wanted = trial.evaluation or suite.Evaluation(())
  return Command(
    'awopt_agent.train.evaluate',
    [
      f'--root_dir={folder}',
      f'--policy={policy}',
      f'--episodes={wanted.episodes}',
      f'--seed={trial.seed}',
      '--videos=0',
      *_repeat('--gin_bindings', wanted.bindings),
    ],
  )


def recording(command: str, out: str) -> Command:
  """Returns a command of awopt-demos.

  Args:
    command: Of a suite.
    out: Folder to use in place of its own.
  """
  words = shlex.split(command)
  words[words.index('--out') + 1] = out
  return Command('awopt_agent.train.demos_cli', words)


def start(
  command: Command, *, log: str, core: int, cwd: str
) -> role_process.Process:
  """Starts a program on one core; it ends with this process.

  Args:
    command: To start.
    log: File to which what it prints is added.
    core: Its core.
    cwd: Folder to start it in.
  """
  package = os.path.dirname(os.path.abspath(resources.__file__))
  paths = [os.path.dirname(package), os.environ.get('PYTHONPATH', '')]
  return role_process.start(
    command.arguments,
    log,
    module=command.module,
    core=core,
    cwd=cwd,
    env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, paths))},
  )


def _repeat(flag: str, values: Sequence[str]) -> list[str]:
  return [f'{flag}={value}' for value in values]


def _absolute(file: str) -> str:
  """Returns a user's own file by a path that holds in any folder."""
  return os.path.abspath(file) if os.path.isfile(file) else file
