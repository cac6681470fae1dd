"""What there is to do: objects, their layout, and what counts as success."""

from awopt_agent.envs.tasks.base import Task
from awopt_agent.envs.tasks.green_bowl import GreenBowl
from awopt_agent.envs.tasks.indiscriminate_grasping import (
  IndiscriminateGrasping,
)
from awopt_agent.envs.tasks.trash import Compostables, MiddleBin

__all__ = ['TASKS', 'Task']

TASKS: dict[str, type[Task]] = {
  'indiscriminate_grasping': IndiscriminateGrasping,
  'green_bowl': GreenBowl,
  'middle_bin': MiddleBin,
  'compostables': Compostables,
}
