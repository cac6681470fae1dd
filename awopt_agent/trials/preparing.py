"""Makes the demonstrations that suites ask for, before their trials."""

import os
import shutil
import time
from collections.abc import Callable, Sequence

from awopt_agent import files
from awopt_agent.train import stopping
from awopt_agent.train.launching import role_process
from awopt_agent.trials import commands, identity, suite

__all__ = ['prepare']

_LOOK_EVERY_S = 0.1


def prepare(
  trials: Sequence[suite.Trial],
  root_dir: str,
  *,
  core: int,
  stop_requested: Callable[[], bool] = lambda: False,
) -> None:
  """Makes the sets that are missing, or were made by other code.

  Args:
    trials: To be run.
    root_dir: Of the trials' folders; the sets are below it.
    core: On which to work.
    stop_requested: Asked all the time.

  Raises:
    Stopped: If a stop was asked for.
    ValueError: If a command of awopt-demos fails.
  """
  for demos in dict.fromkeys(trial.demos for trial in trials):
    sums = identity.made(demos)
    for command in demos:
      out = identity.out_of(command)
      _make(command, sums[out], out, root_dir, core, stop_requested)


def _make(command, total, out, root_dir, core, stop_requested) -> None:
  path = os.path.join(root_dir, out)
  mark = f'{path}.made'
  if os.path.isdir(path) and _read(mark) == total:
    return
  # Beside its place: what is stopped leaves a set of fewer episodes. Its name
  # is the folder's.
  part = os.path.join(f'{path}.part', os.path.basename(out))
  shutil.rmtree(os.path.dirname(part), ignore_errors=True)
  os.makedirs(os.path.dirname(part))
  log = f'{path}.log'
  print(f'awopt-demos {command}', flush=True)
  process = commands.start(
    commands.recording(command, part), log=log, core=core, cwd=root_dir
  )
  while process.poll() is None:
    if stop_requested():
      process.terminate()
      process.wait()
      raise stopping.Stopped
    time.sleep(_LOOK_EVERY_S)
  if process.returncode:
    raise ValueError(
      f'awopt-demos {command} failed: {role_process.read_last_line(log)}'
    )
  shutil.rmtree(path, ignore_errors=True)
  files.move_folder(part, path)
  os.rmdir(os.path.dirname(part))
  with open(mark, 'w', encoding='utf-8') as file:
    file.write(total)


def _read(path: str) -> str:
  if not os.path.exists(path):
    return ''
  with open(path, encoding='utf-8') as file:
    return file.read()
