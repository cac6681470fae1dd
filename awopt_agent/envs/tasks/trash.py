"""Tasks 4 and 5: trash in three bins; what lies in the middle one counts."""

from collections.abc import Sequence

import gin
import numpy as np

from awopt_agent.envs import scenes, world
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import trash
from awopt_agent.envs.tasks import base

__all__ = ['Compostables', 'MiddleBin']

_LOW_X_M, _HIGH_X_M = 0.44, 0.70
# Inner edges of the three bins along y.
_BINS_Y_M = ((-0.31, -0.115), (-0.10, 0.10), (0.115, 0.31))
_MIDDLE = 1


class _ThreeBins(base.Task):
  """Trash of several kinds, some in each of three bins."""

  def __init__(
    self,
    simulation: simulation_lib.Simulation,
    where: world.World,
    *,
    counts: Sequence[int] = (2, 3, 2),
    pieces_of_each: int = 3,
  ):
    """Builds the bins and the trash.

    Args:
      simulation: What to build in.
      where: The world, which chooses the pieces there are.
      counts: Pieces in the left, middle and right bin.
      pieces_of_each: Different pieces of each kind.
    """
    if np.shape(counts) != (len(_BINS_Y_M),):
      raise ValueError(
        f'counts must name a number of pieces for each of the 3 bins, got '
        f'{counts}.'
      )
    for place, count in enumerate(counts):
      base.check_count(f'counts[{place}]', count, least=int(place == _MIDDLE))
    base.check_count('pieces_of_each', pieces_of_each)
    self._counts = tuple(counts)
    self._bins = [
      scenes.Area((_LOW_X_M, low), (_HIGH_X_M, high), gap_m=0.01)
      for low, high in _BINS_Y_M
    ]
    for area in self._bins:
      scenes.make_bin(simulation, area)
    rng = np.random.default_rng(where.object_seed)
    things = [
      trash.make_trash(simulation, kind, rng)
      for kind in trash.KINDS
      for _ in range(pieces_of_each)
    ]
    super().__init__(simulation, things, count=sum(counts))
    for count, area in zip(counts, self._bins, strict=True):
      scenes.check_room(self.objects, count, area)
    if sum(counts) > len(self.objects):
      raise ValueError(
        f'counts {tuple(counts)} need {sum(counts)} pieces, but there are '
        f'{len(self.objects)}; raise pieces_of_each.'
      )

  def _lay_out(self, rng):
    things = self._choose(rng)
    self._contents, first = [], 0
    for count, area in zip(self._counts, self._bins, strict=True):
      inside = things[first : first + count]
      scenes.scatter(self._simulation, inside, rng, area)
      self._contents.append(inside)
      first += count
    return things

  def _choose(self, rng):
    """Returns the pieces in play, those of the left bin first."""
    chosen = rng.permutation(len(self.objects))[: sum(self._counts)]
    return [self.objects[index] for index in chosen]

  def _well_laid(self):
    return all(
      area.holds(self._simulation.pose(thing.body)[0])
      for inside, area in zip(self._contents, self._bins, strict=True)
      for thing in inside
    )

  def sought(self):
    return self._contents[_MIDDLE]


@gin.configurable
class MiddleBin(_ThreeBins):
  """Task 4: lift any piece of trash out of the middle bin.

  Source: AW-Opt (arXiv:2111.05424) section 5.1.
  """


@gin.configurable
class Compostables(_ThreeBins):
  """Task 5: lift a compostable piece of trash out of the middle bin.

  One or more of the middle bin's pieces are compostable, and as a rule others
  beside them are not.

  Source: AW-Opt (arXiv:2111.05424) section 5.1.
  """

  def _choose(self, rng):
    things = super()._choose(rng)
    middle = slice(self._counts[0], sum(self._counts[:2]))
    if not any(thing.name in trash.COMPOSTABLE for thing in things[middle]):
      place = rng.integers(middle.start, middle.stop)
      compostable = [
        thing for thing in self.objects if thing.name in trash.COMPOSTABLE
      ]
      _put(things, place, compostable[rng.integers(len(compostable))])
    return things

  def sought(self):
    return [
      thing for thing in super().sought() if thing.name in trash.COMPOSTABLE
    ]


def _put(things: list, place: int, thing) -> None:
  """Puts a thing at a place of a list; if it was elsewhere, they swap."""
  if thing in things:
    things[things.index(thing)] = things[place]
  things[place] = thing
