"""Simulated grasping tasks, and the door to every environment: `make`."""

import gin

from awopt_agent.envs import tasks
from awopt_agent.envs.grasp_env import GraspEnv

__all__ = ['GraspEnv', 'TASKS', 'make']

TASKS = {'green_bowl': tasks.GreenBowl}


def _choose(what: str, value: str, known) -> str:
  if value not in known:
    raise ValueError(
      f'unknown {what} {value!r}; choose one of {", ".join(sorted(known))}.'
    )
  return value


@gin.configurable(module='awopt_agent.envs', denylist=['seed'])
def make(
  task: str = gin.REQUIRED,
  *,
  observation: str = 'state',
  world: str = 'sim',
  robot: str = 'kuka',
  seed: int = 0,
) -> GraspEnv:
  """Makes a task's environment.

  Args:
    task: A key of `TASKS`.
    observation: 'state'.
    world: 'sim'.
    robot: 'kuka'.
    seed: Chooses the episodes.

  Returns:
    A `PyEnvironment`; the caller closes it.

  Raises:
    ValueError: If an argument names nothing that exists.
  """
  _choose('observation', observation, ('state',))
  _choose('world', world, ('sim',))
  _choose('robot', robot, ('kuka',))
  return GraspEnv(TASKS[_choose('task', task, TASKS)], seed=seed)
