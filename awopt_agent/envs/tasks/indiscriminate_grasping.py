"""Task 1: lift any object from a bin; Task 3 is the same in another world."""

import gin
import numpy as np

from awopt_agent.envs import scenes, world
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import meshes, shapes
from awopt_agent.envs.tasks import base

__all__ = ['IndiscriminateGrasping']


@gin.configurable
class IndiscriminateGrasping(base.Task):
  """Task 1: lift any of the objects in a bin.

  Source: AW-Opt (arXiv:2111.05424) section 5.1.
  """

  def __init__(
    self,
    simulation: simulation_lib.Simulation,
    where: world.World,
    *,
    objects: int = 6,
    different_objects: int = 12,
    bin_low_m: tuple[float, float] = (0.43, -0.18),
    bin_high_m: tuple[float, float] = (0.71, 0.18),
  ):
    """Builds the bin and the objects.

    Args:
      simulation: What to build in.
      where: The world; in `real` the objects are meshes.
      objects: In the bin.
      different_objects: Of which each episode draws `objects`.
      bin_low_m: Least x and y of the bin, inside.
      bin_high_m: Greatest x and y of the bin, inside.

    Raises:
      ValueError: If the bin cannot hold the objects.
    """
    base.check_count('IndiscriminateGrasping.objects', objects)
    self._bin = scenes.Area(bin_low_m, bin_high_m, gap_m=0.01)
    scenes.make_bin(simulation, self._bin)
    count = max(objects, different_objects)
    rng = np.random.default_rng(where.object_seed)
    if where.meshes:
      things = meshes.make_meshes(simulation, rng, count)
    else:
      things = [shapes.make_shape(simulation, rng) for _ in range(count)]
    super().__init__(simulation, things, count=objects)
    scenes.check_room(self.objects, objects, self._bin)

  def _lay_out(self, rng):
    chosen = rng.choice(len(self.objects), self.count, replace=False)
    things = [self.objects[index] for index in chosen]
    scenes.scatter(self._simulation, things, rng, self._bin)
    return things

  def _well_laid(self):
    return all(
      self._bin.holds(self._simulation.pose(thing.body)[0])
      for thing in self.in_play
    )

  def sought(self):
    return self.in_play
