import numpy as np
import pytest

from awopt_agent.envs import simulation
from awopt_agent.train import projection

_CAMERA = simulation.Camera(shadow=False)


def test_what_the_camera_looks_at_is_in_the_middle():
  pixel = projection.pixel_of(_CAMERA, _CAMERA.target_m)
  np.testing.assert_allclose(pixel, (160, 120), atol=1e-9)


@pytest.mark.parametrize('point_m', [(0.6, 0.2, 0.1), (0.4, -0.15, 0.3)])
def test_agrees_with_the_renderer(point_m):
  world = simulation.Simulation()
  ball = world.client.createVisualShape(
    world.client.GEOM_SPHERE, radius=0.01, rgbaColor=(0, 1, 0, 1)
  )
  world.client.createMultiBody(0, -1, ball, basePosition=point_m)
  picture = world.render(_CAMERA).astype(int)
  world.close()
  rows, columns = np.nonzero(picture[..., 1] - picture[..., 0] > 50)
  seen = columns.mean() + 0.5, rows.mean() + 0.5
  np.testing.assert_allclose(
    projection.pixel_of(_CAMERA, point_m), seen, atol=0.7
  )
