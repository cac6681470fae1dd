import numpy as np
import pytest

from awopt_agent.envs import robots
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.robots import silhouette

CAMERA = simulation_lib.Camera(width=120, height=90)


@pytest.fixture(name='world', params=sorted(robots.ROBOTS))
def _world(request):
  simulation = simulation_lib.Simulation()
  arm = robots.ROBOTS[request.param](simulation, robots.Workspace())
  yield simulation, arm
  simulation.close()


def _drawn(picture):
  """Which pixels are not the white of the background, `[H, W]`."""
  return np.any(picture < 250, axis=-1)


def test_boxes_cover_about_what_the_meshes_do(world):
  simulation, arm = world
  shape = silhouette.Silhouette(simulation, arm.body)
  meshes = _drawn(simulation.render(CAMERA))
  shape.show()
  boxes = _drawn(simulation.render(CAMERA))
  assert meshes.mean() > 0.05
  overlap = np.sum(meshes & boxes) / np.sum(meshes | boxes)
  assert overlap > 0.5


def test_boxes_follow_the_robot(world):
  simulation, arm = world
  shape = silhouette.Silhouette(simulation, arm.body)
  shape.show()
  before = simulation.render(CAMERA)
  arm.home(np.array([0.7, 0.2, 0.3]), 0.0)
  shape.show()
  assert np.mean(_drawn(before) != _drawn(simulation.render(CAMERA))) > 0.01


def test_hiding_brings_the_meshes_back(world):
  simulation, arm = world
  before = simulation.render(CAMERA).astype(int)
  shape = silhouette.Silhouette(simulation, arm.body)

  def change():
    return np.abs(simulation.render(CAMERA) - before).max()

  assert change() < 30  # What is unseen still dims the light a little.
  shape.show()
  assert change() > 100
  shape.hide()
  assert change() < 30


def test_nothing_touches_the_boxes(world):
  simulation, arm = world
  free = [simulation.client.getJointState(arm.body, 1)[0]]
  shape = silhouette.Silhouette(simulation, arm.body)
  shape.show()
  simulation.step(20)
  assert not simulation.client.getContactPoints()
  moved = simulation.client.getJointState(arm.body, 1)[0]
  assert moved == pytest.approx(free[0], abs=0.01)
