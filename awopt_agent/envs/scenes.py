"""Where objects lie: a table, and positions without overlap."""

from collections.abc import Sequence

import numpy as np

from awopt_agent.envs import objects as objects_lib
from awopt_agent.envs import simulation as simulation_lib

__all__ = ['make_table', 'scatter']

_GAP_M = 0.03
_MAX_TRIES = 1000


def make_table(simulation: simulation_lib.Simulation) -> int:
  """Makes a table whose top is the plane z = 0; returns its body."""
  client = simulation.client
  # A plane, not a box: contacts with it cost a fifth less time.
  top = client.createCollisionShape(client.GEOM_PLANE)
  picture = client.createVisualShape(
    client.GEOM_BOX,
    halfExtents=(0.55, 0.55, 0.02),
    visualFramePosition=(0.42, 0.0, -0.02),
    rgbaColor=(0.78, 0.70, 0.60, 1.0),
  )
  table = client.createMultiBody(0, top, picture)
  client.changeDynamics(table, -1, lateralFriction=1.0)
  return table


def scatter(
  simulation: simulation_lib.Simulation,
  objects: Sequence[objects_lib.GraspObject],
  rng: np.random.Generator,
  *,
  low_m: tuple[float, float],
  high_m: tuple[float, float],
) -> None:
  """Puts objects upright on the table at random, apart from each other.

  Args:
    simulation: The world.
    objects: What to place.
    rng: Source of chance.
    low_m: Least x and y of an object's middle, metres.
    high_m: Greatest x and y, metres.

  Raises:
    ValueError: If the objects do not fit the area.
  """
  placed: list[tuple[np.ndarray, float]] = []
  for thing in objects:
    spot = _free_spot(thing, placed, rng, low_m, high_m)
    placed.append((spot, thing.radius_m))
    simulation.place(
      thing.body,
      (*spot, thing.rest_height_m + 0.001),
      rng.uniform(-np.pi, np.pi),
    )


def _free_spot(thing, placed, rng, low_m, high_m) -> np.ndarray:
  for _ in range(_MAX_TRIES):
    spot = rng.uniform(low_m, high_m)
    if all(
      np.linalg.norm(spot - other) > thing.radius_m + radius + _GAP_M
      for other, radius in placed
    ):
      return spot
  raise ValueError(
    f'no room for a {thing.name} of radius {thing.radius_m} m beside '
    f'{len(placed)} objects between {low_m} and {high_m} m; place fewer or '
    'smaller objects.'
  )
