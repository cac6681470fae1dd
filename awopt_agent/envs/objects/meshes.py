"""Things of the world `real`: meshes of `pybullet_data/random_urdfs`."""

import os

import numpy as np
import pybullet_data

from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import body as body_lib

__all__ = ['make_mesh']

_COUNT = 1000
_SCALE = 0.015  # Of every one of the URDFs.
_MASS_KG = 0.1
# Narrow, wide and high: what fits between the fingers and into a bin, and is
# not too flat to hold.
_MIN_EXTENTS_M = (0.015, 0.02, 0.025)
_MAX_EXTENTS_M = (0.05, 0.08, 0.07)


def make_mesh(
  simulation: simulation_lib.Simulation, rng: np.random.Generator
) -> body_lib.GraspObject:
  """Loads a random mesh that fits between the fingers.

  Which of the thousand, `rng` decides; its name is its number.
  """
  while True:
    number = f'{rng.integers(_COUNT):03d}'
    vertices = _vertices(number)
    low, high = vertices.min(0), vertices.max(0)
    extents = (*sorted((high - low)[:2]), high[2] - low[2])
    if np.all(np.clip(extents, _MIN_EXTENTS_M, _MAX_EXTENTS_M) == extents):
      break
  body = simulation.client.loadURDF(f'random_urdfs/{number}/{number}.urdf')
  return body_lib.GraspObject(
    body,
    number,
    radius_m=float(np.linalg.norm(vertices[:, :2], axis=1).max()),
    rest_height_m=float(-low[2]),
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
