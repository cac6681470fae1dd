"""Where a point of the scene is in a camera's picture."""

import numpy as np

from awopt_agent.envs import simulation

__all__ = ['pixel_of']


def pixel_of(camera: simulation.Camera, point_m) -> tuple[float, float]:
  """Projects a point as `Simulation.render` does.

  Args:
    camera: Its up is the world's z.
    point_m: `[3]` in front of it, metres.

  Returns:
    Column and row, pixels from the picture's upper left corner.
  """
  forward = _unit(np.subtract(camera.target_m, camera.eye_m))
  right = _unit(np.cross(forward, (0, 0, 1)))
  up = np.cross(right, forward)
  way = np.subtract(point_m, camera.eye_m)
  half_view = np.deg2rad(camera.field_of_view_deg) / 2
  pixels = camera.height / 2 / np.tan(half_view) / (way @ forward)
  return (
    float(camera.width / 2 + pixels * (way @ right)),
    float(camera.height / 2 - pixels * (way @ up)),
  )


def _unit(vector: np.ndarray) -> np.ndarray:
  return vector / np.linalg.norm(vector)
