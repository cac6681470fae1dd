import numpy as np
import pytest

from awopt_agent.envs import scenes
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import tableware


@pytest.fixture(name='simulation')
def _simulation():
  simulation = simulation_lib.Simulation()
  scenes.make_table(simulation)
  yield simulation
  simulation.close()


def _make_can(simulation):
  return tableware.make_can(simulation, radius_m=0.02, height_m=0.06)


def _make_block(simulation):
  return tableware.make_block(simulation, half_extents_m=(0.015, 0.035, 0.01))


@pytest.mark.parametrize(
  'make',
  [tableware.make_bowl, _make_block, _make_can],
  ids=lambda m: m.__name__,
)
def test_rests_where_it_is_put(simulation, make):
  thing = make(simulation)
  simulation.place(thing.body, (0.5, 0.1, thing.rest_height_m + 0.002), 0.7)
  simulation.step(480)
  position, (x, y, z, w) = simulation.pose(thing.body)
  np.testing.assert_allclose(
    position, (0.5, 0.1, thing.rest_height_m), atol=0.001
  )
  assert 1 - 2 * (x * x + y * y) > 0.9999  # Upright.
  assert 2 * np.arctan2(z, w) == pytest.approx(0.7, abs=0.01)
  assert simulation.speed(thing.body) < 0.001


@pytest.mark.parametrize(
  'make',
  [tableware.make_bowl, _make_block, _make_can],
  ids=lambda m: m.__name__,
)
def test_its_cylinder_holds_it(simulation, make):
  thing = make(simulation)
  simulation.place(thing.body, (0, 0, 1))
  low, high = simulation.client.getAABB(thing.body)
  # Bullet adds a margin of a few millimetres to its boxes.
  assert max(*high[:2], -low[0], -low[1]) < thing.radius_m + 0.008


def test_the_bowl_is_one_body_that_is_open_on_top(simulation):
  bowl = tableware.make_bowl(simulation)
  client = simulation.client
  assert client.getNumJoints(bowl.body) == 0
  simulation.place(bowl.body, (0, 0, 0))

  def height_at(x):
    hit = client.rayTest((x, 0, 0.2), (x, 0, -0.05))[0]
    assert hit[0] == bowl.body
    return hit[3][2]

  assert height_at(0.0) < 0.01
  assert height_at(bowl.radius_m - 0.003) > 0.03


def test_the_bowl_holds_what_lies_in_it(simulation):
  bowl = tableware.make_bowl(simulation)
  pebble = tableware.make_block(simulation, half_extents_m=(0.006,) * 3)
  simulation.place(bowl.body, (0, 0, 0))
  simulation.place(pebble.body, (0, 0, 0.03))
  simulation.step(240)
  spot = simulation.pose(pebble.body)[0]
  assert np.hypot(*spot[:2]) < bowl.radius_m
  assert 0 < spot[2] < 0.038


def test_the_bowl_comes_back_after_a_nudge(simulation):
  bowl = tableware.make_bowl(simulation)
  tilted = simulation.client.getQuaternionFromEuler((0.3, 0, 0))
  simulation.client.resetBasePositionAndOrientation(
    bowl.body, (0, 0, 0.01), tilted
  )
  simulation.step(480)
  _, (x, y, _, _) = simulation.pose(bowl.body)
  assert 1 - 2 * (x * x + y * y) > 0.999
