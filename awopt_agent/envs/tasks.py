"""What there is to do: objects, their layout, and what counts as success."""

import abc
from collections.abc import Sequence

import gin
import numpy as np

from awopt_agent.envs import objects as objects_lib
from awopt_agent.envs import robot as robot_lib
from awopt_agent.envs import scenes
from awopt_agent.envs import simulation as simulation_lib

__all__ = ['GreenBowl', 'Task']


class Task(abc.ABC):
  """A task on one simulation.

  Attributes:
    objects: All movable objects, the sought one first.
  """

  objects: Sequence[objects_lib.GraspObject]

  @abc.abstractmethod
  def reset(self, rng: np.random.Generator) -> None:
    """Lays the objects out for a new episode."""

  @abc.abstractmethod
  def success(self, gripper: robot_lib.GripperState) -> bool:
    """Tells whether the task is done now."""


@gin.configurable
class GreenBowl(Task):
  """Task 2: lift the green bowl from a table among other objects.

  Source: AW-Opt (arXiv:2111.05424) section 5.1.
  """

  def __init__(
    self,
    simulation: simulation_lib.Simulation,
    *,
    lift_height_m: float = 0.08,
    max_grip_distance_m: float = 0.07,
    area_low_m: tuple[float, float] = (0.46, -0.14),
    area_high_m: tuple[float, float] = (0.68, 0.14),
  ):
    """Builds the objects.

    Args:
      simulation: The world to build in.
      lift_height_m: Height of the bowl's foot above the table from which it
        counts as lifted.
      max_grip_distance_m: The bowl must be this near to the fingertips, so
        that a flung one does not count.
      area_low_m: Least x and y of an object at the start.
      area_high_m: Greatest x and y of an object at the start.
    """
    self._simulation = simulation
    self._lift_height_m = lift_height_m
    self._max_grip_distance_m = max_grip_distance_m
    self._area = {'low_m': area_low_m, 'high_m': area_high_m}
    scenes.make_table(simulation)
    self._bowl = objects_lib.make_bowl(simulation)
    self.objects = (
      self._bowl,
      objects_lib.make_block(
        simulation,
        half_extents_m=(0.02, 0.02, 0.02),
        rgba=(0.80, 0.20, 0.15, 1.0),
      ),
      objects_lib.make_can(
        simulation,
        radius_m=0.02,
        height_m=0.06,
        rgba=(0.15, 0.30, 0.75, 1.0),
      ),
      objects_lib.make_block(
        simulation,
        half_extents_m=(0.015, 0.035, 0.015),
        rgba=(0.90, 0.70, 0.10, 1.0),
      ),
    )

  def reset(self, rng: np.random.Generator) -> None:
    scenes.scatter(self._simulation, self.objects, rng, **self._area)

  def success(self, gripper: robot_lib.GripperState) -> bool:
    position, _ = self._simulation.pose(self._bowl.body)
    distance = np.linalg.norm(position - gripper.position_m)
    return bool(
      position[2] > self._lift_height_m and distance < self._max_grip_distance_m
    )
