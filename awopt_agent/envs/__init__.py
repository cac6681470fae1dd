"""Simulated grasping tasks, and the door to every environment: `make`."""

import gin

from awopt_agent.envs.grasp_env import GraspEnv
from awopt_agent.envs.robots import ROBOTS
from awopt_agent.envs.sensors import OBSERVATIONS
from awopt_agent.envs.tasks import TASKS
from awopt_agent.envs.world import WORLDS

__all__ = ['OBSERVATIONS', 'ROBOTS', 'TASKS', 'WORLDS', 'GraspEnv', 'make']


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
    observation: One of `OBSERVATIONS`: poses, pictures, or both.
    world: A key of `WORLDS`.
    robot: A key of `ROBOTS`.
    seed: Chooses the episodes.

  Returns:
    A `PyEnvironment`; the caller closes it.

  Raises:
    ValueError: If an argument names nothing that exists.
  """
  return GraspEnv(
    TASKS[_choose('task', task, TASKS)],
    robot=ROBOTS[_choose('robot', robot, ROBOTS)],
    where=WORLDS[_choose('world', world, WORLDS)](),
    observation=_choose('observation', observation, OBSERVATIONS),
    seed=seed,
  )
