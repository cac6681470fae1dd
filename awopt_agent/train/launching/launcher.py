"""A run of awopt-launch from its flags to its last line."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator

import portpicker

from awopt_agent.experience import replay
from awopt_agent.train import config as config_lib
from awopt_agent.train import run_folder, stopping, train_config
from awopt_agent.train.launching import (
  local,
  ray_cluster,
  ray_place,
  supervisor,
  table,
)
from awopt_agent.train.launching import plan as plan_lib
from awopt_agent.train.roles import config as roles_config
from awopt_agent.train.roles import context as context_lib
from awopt_agent.train.roles import reports

__all__ = ['launch']

# Whose every line is worth reading on the way.
_FOLLOWED = ('replay', 'learner', 'evaluator')
# Of the evaluator; the launcher's own last line repeats it.
_LAST = 'learnt:'
# Of Reverb's C++ code, and of errors that the supervisor repeats.
_UNSAID = ('[reverb/', 'awopt-role:')


def launch(flags) -> str:
  """Runs the roles, and returns the line that says what was learnt.

  Args:
    flags: Of awopt-launch.

  Raises:
    ValueError, OSError: With one line for the user.
  """
  stop = stopping.catch_stop_signals()
  config_lib.load(flags.gin_file, flags.gin_bindings)
  folder = run_folder.RunFolder(flags.root_dir)
  folder.check_disk()
  lock = _lock(folder.path)
  try:
    return _launch(flags, folder, stop)
  finally:
    os.close(lock)


def _launch(flags, folder: run_folder.RunFolder, stop) -> str:
  roles = _check(flags)
  plan = plan_lib.make_plan(
    common=_common(flags, folder.path),
    replay_address=_replay_address(flags),
    collectors=flags.collectors,
    bellman_updaters=flags.bellman_updaters,
    evaluator=flags.evaluator,
  )
  if flags.dry_run:
    names = ', '.join(role.name for role in plan)
    return f'dry run: {folder.path} would run {names}: all fits.'
  shown = table.LiveTable(lambda: reports.read_all(folder.path))
  with _place(flags, folder, plan, shown.say) as place:
    finished = _run(plan, roles, place, shown, stop, folder.checkpoints)
    if not finished:
      sys.exit(
        f'awopt-launch: stopped; {place.last_line("learner")}; the same '
        f'command goes on in {folder.path}.'
      )
    return place.last_line(plan[-1].name if plan[-1].decides else 'learner')


def _replay_address(flags) -> str:
  if flags.ray_address:
    return f'{ray_place.PLANNED_HOST}:{flags.port or 0}'
  if flags.port:
    replay.check_port(flags.port)  # Or its roles would meet another run's.
  return f'localhost:{flags.port or portpicker.pick_unused_port()}'


@contextlib.contextmanager
def _place(flags, folder, plan, say) -> Iterator[local.Place]:
  """Yields where the roles run: this machine, or a cluster of Ray's."""
  if not flags.ray_address:
    yield local.LocalPlace(os.path.join(folder.path, 'logs'))
    return
  config = roles_config.RayConfig()
  cpus = sum(config.cpus(role.kind) for role in plan)
  with ray_cluster.connected(flags.ray_address, cpus=cpus) as ray:
    yield ray_place.RayPlace(ray, folder.path, config, port=flags.port, say=say)


def _check(flags) -> roles_config.RolesConfig:
  """Builds what is cheap, so that a wrong line ends this process alone."""
  train, roles = train_config.TrainConfig(), roles_config.RolesConfig()
  if flags.ray_address:
    ray_cluster.check_address(flags.ray_address)
    roles_config.RayConfig()
  context_lib.make_demonstrations(train)
  if train.offline and flags.collectors:
    raise ValueError(
      'TrainConfig.offline has no environment to practise in; pass '
      '--collectors 0.'
    )
  if not train.offline and train.practice_episodes and not flags.collectors:
    raise ValueError(
      f'TrainConfig.practice_episodes is {train.practice_episodes}, and nobody '
      'practises; pass --collectors 1 or more.'
    )
  return roles


def _lock(folder: str) -> int:
  path = os.path.join(folder, 'launch.lock')
  lock = os.open(path, os.O_RDWR | os.O_CREAT)
  try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError as error:
    raise OSError(
      f'another awopt-launch is at work in {folder}; wait for its end, or '
      'choose another --root_dir.'
    ) from error
  return lock


def _common(flags, root_dir: str) -> list[str]:
  arguments = ['--root_dir', root_dir, '--seed', str(flags.seed)]
  for name in ('gin_file', 'gin_bindings'):
    for value in getattr(flags, name):
      arguments += [f'--{name}', value]
  return arguments


def _run(
  plan,
  roles,
  place: local.Place,
  shown: table.LiveTable,
  stop,
  checkpoint_folder: str,
) -> bool:
  followers = [table.Follower(place.log(name)) for name in _FOLLOWED]
  watch = supervisor.Supervisor(
    plan,
    place,
    restart_limit=roles.restart_limit,
    say=shown.say,
    progress=lambda name: (
      _newest(checkpoint_folder) if name == 'learner' else None
    ),
  )

  def tell() -> None:
    for follower in followers:
      for line in follower.new_lines():
        if not line.startswith((_LAST, *_UNSAID)):
          shown.say(line)
    shown.update(watch.watched)

  finished = watch.run(stop, tell)
  tell()
  return finished


def _newest(folder: str) -> str:
  """Returns the name of the newest checkpoint; its soundness is not asked."""
  names = os.listdir(folder) if os.path.isdir(folder) else []
  return max(filter(str.isdecimal, names), key=int, default='')
