"""Where objects lie: a table, bins, and positions without overlap."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import body as body_lib

__all__ = [
  'Area',
  'check_room',
  'make_bin',
  'make_table',
  'scatter',
  'settle',
]

_TRIES = 50
_MAX_LAYOUTS = 50
_WALL_M = 0.006
_TILES = 3  # Of a texture, along each side of the table.
# Slower than this a thing counts as at rest, and is put to sleep.
_REST_M_PER_S = 0.005
_CONTACT_SUBSTEPS = 4
_SETTLE_SUBSTEPS = 15
_MAX_SETTLE_SUBSTEPS = 480


@dataclasses.dataclass(frozen=True)
class Area:
  """A rectangle on the table, metres.

  Attributes:
    low_m: Least x and y.
    high_m: Greatest x and y.
    gap_m: Least distance between the things in it.
  """

  low_m: tuple[float, float]
  high_m: tuple[float, float]
  gap_m: float = 0.03

  def __post_init__(self):
    if np.any(np.asarray(self.low_m) >= np.asarray(self.high_m)):
      raise ValueError(
        f'an area must have low < high along x and y, got {self.low_m} and '
        f'{self.high_m} m.'
      )

  def inset(self, margin_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns its least and greatest corner, moved inwards."""
    return np.array(self.low_m) + margin_m, np.array(self.high_m) - margin_m

  def holds(self, position_m: Sequence[float]) -> bool:
    """Tells whether a position lies above it."""
    spot = np.asarray(position_m)[:2]
    return bool(np.all(spot >= self.low_m) and np.all(spot <= self.high_m))


def make_table(
  simulation: simulation_lib.Simulation, texture: str | None = None
) -> int:
  """Makes a table whose top is the plane z = 0; returns its body.

  Args:
    simulation: The world.
    texture: Picture file below `pybullet_data` that covers it.
  """
  client = simulation.client
  # A plane, not a box: contacts with it cost a fifth less time.
  top = client.createCollisionShape(client.GEOM_PLANE)
  corners = [(-0.13, -0.55), (0.97, -0.55), (0.97, 0.55), (-0.13, 0.55)]
  picture = client.createVisualShape(
    client.GEOM_MESH,
    vertices=[(*corner, 0.0) for corner in corners],
    indices=[0, 1, 2, 0, 2, 3],
    normals=[(0.0, 0.0, 1.0)] * 4,
    uvs=[(0, 0), (_TILES, 0), (_TILES, _TILES), (0, _TILES)],
    rgbaColor=(0.78, 0.70, 0.60, 1.0),
  )
  table = client.createMultiBody(0, top, picture)
  client.changeDynamics(table, -1, lateralFriction=1.0)
  if texture is not None:
    client.changeVisualShape(
      table, -1, textureUniqueId=client.loadTexture(texture)
    )
  return table


def make_bin(
  simulation: simulation_lib.Simulation,
  area: Area,
  *,
  height_m: float = 0.025,
  rgba: body_lib.Rgba = (0.45, 0.47, 0.50, 1.0),
) -> int:
  """Puts four walls around an area; returns their body.

  They are lower than where fingers hold a thing, so that no finger has to
  pass between a thing and a wall.
  """
  low, high = np.array(area.low_m), np.array(area.high_m)
  middle, half = (low + high) / 2, (high - low) / 2
  parts = []
  for side in (-1, 1):
    for axis in (0, 1):
      position = np.array([*middle, height_m / 2])
      position[axis] += side * (half[axis] + _WALL_M / 2)
      extents = np.array([*(half + _WALL_M), height_m / 2])
      extents[axis] = _WALL_M / 2
      parts.append(body_lib.box(tuple(extents), position_m=tuple(position)))
  return body_lib.make_body(simulation, parts, mass_kg=0.0, rgba=rgba)


def check_room(
  objects: Sequence[body_lib.GraspObject],
  count: int,
  area: Area,
  *,
  margin_m: float | None = None,
) -> None:
  """Refuses a number of objects that an area cannot hold.

  Args:
    objects: Those there are; the largest `count` of them must fit.
    count: How many will lie there.
    area: Where.
    margin_m: As in `scatter`.

  Raises:
    ValueError: If they might not fit.
  """
  largest = sorted(objects, key=lambda thing: -thing.radius_m)[:count]
  _find_layout(largest, np.random.default_rng(0), area, margin_m)


def scatter(
  simulation: simulation_lib.Simulation,
  objects: Sequence[body_lib.GraspObject],
  rng: np.random.Generator,
  area: Area,
  *,
  margin_m: float | None = None,
) -> None:
  """Puts objects upright at random, apart from each other.

  Args:
    simulation: The world.
    objects: What to place.
    rng: Source of chance.
    area: Where.
    margin_m: Least distance of an object's middle from the area's edge; by
      default its radius, so that it lies inside.

  Raises:
    ValueError: If the objects do not fit the area.
  """
  spots = _find_layout(objects, rng, area, margin_m)
  for thing, spot in zip(objects, spots, strict=True):
    simulation.place(
      thing.body,
      (*spot, thing.rest_height_m),
      rng.uniform(-np.pi, np.pi),
    )


def _find_layout(objects, rng, area, margin_m) -> list[np.ndarray]:
  """Returns a spot for each object."""
  for _ in range(_MAX_LAYOUTS):
    spots = _layout(objects, rng, area, margin_m)
    if len(spots) == len(objects):
      return spots
  raise ValueError(
    f'no room for {len(objects)} objects between {area.low_m} and '
    f'{area.high_m} m; place fewer or smaller ones, or widen the area.'
  )


def _layout(objects, rng, area, margin_m) -> list[np.ndarray]:
  """Returns spots for objects, up to the first that found none."""
  spots: list[np.ndarray] = []
  reaches = np.array([thing.radius_m + area.gap_m for thing in objects])
  for thing in objects:
    low, high = area.inset(thing.radius_m if margin_m is None else margin_m)
    tries = rng.uniform(low, np.maximum(low, high), (_TRIES, 2))
    if spots:
      distances = np.linalg.norm(tries[:, None] - np.array(spots), axis=-1)
      free = np.all(distances > thing.radius_m + reaches[: len(spots)], axis=1)
      tries = tries[free]
    if not len(tries):
      break
    spots.append(tries[0])
  return spots


def settle(
  simulation: simulation_lib.Simulation,
  objects: Sequence[body_lib.GraspObject],
) -> bool:
  """Lets time pass until objects lie still; tells whether they do.

  Things that stand as they were placed need no time but that for their
  contacts to be found: the engine would wake them if they slept before. What
  rolls among them may push them, and then all have to lie still.
  """
  simulation.step(_CONTACT_SUBSTEPS)
  if all(thing.stands for thing in objects):
    return True
  for _ in range(0, _MAX_SETTLE_SUBSTEPS, _SETTLE_SUBSTEPS):
    if all(simulation.speed(thing.body) < _REST_M_PER_S for thing in objects):
      return True
    simulation.step(_SETTLE_SUBSTEPS)
  return False
