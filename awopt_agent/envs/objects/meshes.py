"""Things of the world `real`: meshes of `pybullet_data/random_urdfs`."""

import os

import numpy as np
import pybullet_data

from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import body as body_lib

__all__ = ['make_meshes']

_COUNT = 1000
_SCALE = 0.015  # Of every one of the URDFs.
_MASS_KG = 0.1
# Narrow, wide and high: what fits between the fingers and into a bin, and is
# not too flat to hold.
_MIN_EXTENTS_M = (0.015, 0.02, 0.025)
_MAX_EXTENTS_M = (0.045, 0.08, 0.07)


def make_meshes(
  simulation: simulation_lib.Simulation, rng: np.random.Generator, count: int
) -> list[body_lib.GraspObject]:
  """Loads different meshes, made smaller to fit between the fingers.

  Which of the thousand, `rng` decides; a thing's name is its number. Few fit
  as they are, and those that would be too flat are left out.

  Args:
    simulation: The world.
    rng: Source of chance.
    count: How many.

  Raises:
    ValueError: If there are not so many.
  """
  found: list[body_lib.GraspObject] = []
  for number in rng.permutation(_COUNT):
    name = f'{number:03d}'
    vertices = _vertices(name)
    extents = vertices.max(0) - vertices.min(0)
    extents = np.array([*sorted(extents[:2]), extents[2]])
    scale = min(1.0, *(_MAX_EXTENTS_M / extents))
    if np.all(scale * extents >= _MIN_EXTENTS_M):
      found.append(_load(simulation, name, scale, vertices * scale))
    if len(found) == count:
      return found
  raise ValueError(
    f'there are {len(found)} meshes that fit between the fingers, {count} '
    'were asked for; ask for fewer.'
  )


def _load(simulation, name: str, scale: float, vertices: np.ndarray):
  body = simulation.client.loadURDF(
    f'random_urdfs/{name}/{name}.urdf', globalScaling=scale
  )
  return body_lib.GraspObject(
    body,
    name,
    radius_m=float(np.linalg.norm(vertices[:, :2], axis=1).max()),
    rest_height_m=float(-vertices[:, 2].min()),
    mass_kg=_MASS_KG,
    grasp_height_m=0.0,
    stands=False,
  )


def _vertices(number: str) -> np.ndarray:
  """Returns the corners of a mesh, `[N, 3]`, metres."""
  path = os.path.join(
    pybullet_data.getDataPath(), 'random_urdfs', number, f'{number}.obj'
  )
  with open(path, encoding='utf-8') as file:
    rows = [line.split()[1:4] for line in file if line.startswith('v ')]
  return np.array(rows, float) * _SCALE
