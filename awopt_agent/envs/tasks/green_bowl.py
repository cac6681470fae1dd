"""Task 2: lift the green bowl from a table among other objects."""

import gin
import numpy as np

from awopt_agent.envs import scenes, world
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import meshes, tableware
from awopt_agent.envs.tasks import base

__all__ = ['GreenBowl']


@gin.configurable
class GreenBowl(base.Task):
  """Task 2: lift the green bowl from a table among other objects.

  Source: AW-Opt (arXiv:2111.05424) section 5.1.
  """

  long_objects = False  # A bowl is round.

  def __init__(
    self,
    simulation: simulation_lib.Simulation,
    where: world.World,
    *,
    area_low_m: tuple[float, float] = (0.46, -0.14),
    area_high_m: tuple[float, float] = (0.68, 0.14),
  ):
    """Builds the objects.

    Args:
      simulation: What to build in.
      where: The world; in `real` the other objects are meshes.
      area_low_m: Least x and y of an object at the start.
      area_high_m: Greatest x and y of an object at the start.

    Raises:
      ValueError: If the objects do not fit the area.
    """
    self._area = scenes.Area(area_low_m, area_high_m)
    others = _meshes if where.meshes else _tableware
    things = (tableware.make_bowl(simulation), *others(simulation, where))
    super().__init__(simulation, things, count=len(things))
    scenes.check_room(things, len(things), self._area, margin_m=0.0)

  def _lay_out(self, rng):
    scenes.scatter(
      self._simulation, self.objects, rng, self._area, margin_m=0.0
    )
    return self.objects

  def sought(self):
    return self.objects[:1]

  def ordered(self, position_m):
    # Each object is a thing of its own here, and keeps its place.
    return self.objects


def _tableware(simulation, where):
  del where  # Always the same three.
  return (
    tableware.make_block(
      simulation,
      half_extents_m=(0.02, 0.02, 0.02),
      rgba=(0.80, 0.20, 0.15, 1.0),
    ),
    tableware.make_can(
      simulation,
      radius_m=0.02,
      height_m=0.06,
      rgba=(0.15, 0.30, 0.75, 1.0),
    ),
    tableware.make_block(
      simulation,
      half_extents_m=(0.015, 0.035, 0.015),
      rgba=(0.90, 0.70, 0.10, 1.0),
    ),
  )


def _meshes(simulation, where):
  rng = np.random.default_rng(where.object_seed)
  return meshes.make_meshes(simulation, rng, 3)
