"""Simulated grasping tasks, and the door to every environment: `make`."""

from typing import Any

import gin

from awopt_agent.envs import gymnasium_env
from awopt_agent.envs.grasp_env import GraspEnv
from awopt_agent.envs.gymnasium_env import GymnasiumEnv
from awopt_agent.envs.robots import ROBOTS
from awopt_agent.envs.sensors import OBSERVATIONS
from awopt_agent.envs.tasks import TASKS
from awopt_agent.envs.world import WORLDS

__all__ = [
  'OBSERVATIONS',
  'ROBOTS',
  'TASKS',
  'WORLDS',
  'GraspEnv',
  'GymnasiumEnv',
  'make',
]

# What the grasping tasks alone can choose.
_DEFAULTS = {'observation': 'state', 'world': 'sim', 'robot': 'kuka'}


def _choose(what: str, value: str, known) -> str:
  if value not in known:
    raise ValueError(
      f'unknown {what} {value!r}; choose one of {", ".join(sorted(known))}.'
    )
  return value


def _make_gymnasium(task: str, choices: dict[str, str], seed: int) -> Any:
  try:
    env = GymnasiumEnv(task, seed=seed)
  except gymnasium_env.UnknownEnvironmentError as error:
    # Gin appends lines of its own.
    reason = str(error).partition('\n')[0]
    raise ValueError(
      f'unknown task {task!r}; choose one of {", ".join(sorted(TASKS))}, or '
      f'the id of a registered Gymnasium environment ({reason}).'
    ) from error
  for name, value in choices.items():
    if value != _DEFAULTS[name]:
      env.close()
      raise ValueError(
        f'make.{name} = {value!r} has no effect on the Gymnasium environment '
        f'{task!r}; leave it out, and see GymnasiumEnv for its settings.'
      )
  return env


@gin.configurable(module='awopt_agent.envs', denylist=['seed'])
def make(
  task: str = gin.REQUIRED,
  *,
  observation: str = _DEFAULTS['observation'],
  world: str = _DEFAULTS['world'],
  robot: str = _DEFAULTS['robot'],
  seed: int = 0,
) -> GraspEnv | GymnasiumEnv:
  """Makes a task's environment.

  Args:
    task: A key of `TASKS`, or the id of a Gymnasium environment, such as
      `Pendulum-v1`, or `my_module:MyEnv-v0` for one that a module registers
      when it is imported. Bind `GymnasiumEnv.kwargs` and so on.
    observation: Of a key of `TASKS`, one of `OBSERVATIONS`: poses, pictures,
      or both.
    world: Of a key of `TASKS`, a key of `WORLDS`.
    robot: Of a key of `TASKS`, a key of `ROBOTS`.
    seed: Chooses the episodes.

  Returns:
    A `PyEnvironment`; the caller closes it.

  Raises:
    ValueError: If an argument names nothing that exists, or nothing in a
      Gymnasium environment.
  """
  if task not in TASKS:
    choices = {'observation': observation, 'world': world, 'robot': robot}
    return _make_gymnasium(task, choices, seed)
  return GraspEnv(
    TASKS[task],
    robot=ROBOTS[_choose('robot', robot, ROBOTS)],
    where=WORLDS[_choose('world', world, WORLDS)](),
    observation=_choose('observation', observation, OBSERVATIONS),
    seed=seed,
  )
