"""What every task has in common: laying out, and a held and lifted object."""

import abc
from collections.abc import Sequence

import numpy as np

from awopt_agent.envs import robots, scenes, world
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import GraspObject

__all__ = ['Task', 'check_count']

# Where objects wait that are not in play; they sleep, and cost no time.
_PARK_M = (3.0, 3.0)
_PARK_GAP_M = 0.3
_MAX_LAYOUTS = 20


class Task(abc.ABC):
  """A task on one simulation: some of its objects are in play.

  A subclass builds the objects, and says what lies where and what is sought.

  Attributes:
    objects: All movable objects there are.
    count: Of the objects in play.
    in_play: The movable objects of this episode, `count` of them.
    long_objects: Whether fingers have to close along an object's x axis.
  """

  long_objects = True

  # The lowest point of the object above the table, metres: higher than any
  # wall, lower than what an expert lifts to.
  LIFT_M = 0.06

  def __init__(
    self,
    simulation: simulation_lib.Simulation,
    objects: Sequence[GraspObject],
    count: int,
  ):
    """Keeps what a subclass has built.

    Args:
      simulation: The world.
      objects: All movable objects there are.
      count: Of those in play in each episode.
    """
    self._simulation = simulation
    self.objects = tuple(objects)
    self.count = count
    self.in_play: Sequence[GraspObject] = ()
    for thing in objects:
      simulation.let_sleep(thing.body)
    self._park()

  @abc.abstractmethod
  def _lay_out(self, rng: np.random.Generator) -> Sequence[GraspObject]:
    """Places objects for a new episode, and returns them."""

  @abc.abstractmethod
  def sought(self) -> Sequence[GraspObject]:
    """Returns the objects whose lifting is a success."""

  def _well_laid(self) -> bool:
    """Tells whether the settled objects lie where they should."""
    return True

  def set_conditions(self, conditions: world.Conditions) -> None:
    """Gives all objects the friction and the mass of an episode.

    To be called before a saved state is restored: a body whose mass changes
    later keeps traces of the mass that it had.
    """
    for thing in self.objects:
      self._simulation.client.changeDynamics(
        thing.body,
        -1,
        mass=thing.mass_kg * conditions.mass_scale,
        lateralFriction=conditions.friction,
      )

  def reset(self, rng: np.random.Generator) -> None:
    """Lays the objects out for a new episode, and lets them settle.

    Raises:
      ValueError: If they find no rest.
    """
    for _ in range(_MAX_LAYOUTS):
      self.in_play = self._lay_out(rng)
      self._park()
      if scenes.settle(self._simulation, self.in_play) and self._well_laid():
        for thing in self.objects:
          self._simulation.sleep(thing.body)
        return
    raise ValueError(
      f'{len(self.in_play)} objects found no rest in {_MAX_LAYOUTS} layouts; '
      'place fewer objects, or widen the area.'
    )

  def success(self, robot: robots.Robot) -> bool:
    """Tells whether a sought object is held between the fingers, lifted."""
    return any(
      self._simulation.lowest_m(thing.body) > self.LIFT_M
      and robot.holds(thing.body)
      for thing in self.sought()
    )

  def ordered(self, position_m: np.ndarray) -> Sequence[GraspObject]:
    """Returns the objects in play, the sought ones first, nearest first.

    Args:
      position_m: `[3]` where the fingertips are.
    """
    sought = {thing.body for thing in self.sought()}

    def rank(thing: GraspObject):
      spot = self._simulation.pose(thing.body)[0]
      distance = np.linalg.norm(spot[:2] - position_m[:2])
      return thing.body not in sought, distance

    return sorted(self.in_play, key=rank)

  def _park(self) -> None:
    in_play = {thing.body for thing in self.in_play}
    for index, thing in enumerate(self.objects):
      if thing.body not in in_play:
        x, y = _PARK_M
        spot = (x + _PARK_GAP_M * index, y, thing.rest_height_m)
        self._simulation.place(thing.body, spot)


def check_count(name: str, count: int, least: int = 1) -> None:
  """Refuses a number of objects that is none, or too small."""
  if not isinstance(count, int) or isinstance(count, bool) or count < least:
    raise ValueError(f'{name} must be an int >= {least}, got {count!r}.')
