import colorsys

import numpy as np
import pytest

from awopt_agent.envs import scenes
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import body as body_lib
from awopt_agent.envs.objects import shapes

# Between the open fingers of the narrower gripper.
GRIP_M = 0.08


@pytest.fixture(name='simulation')
def _simulation():
  simulation = simulation_lib.Simulation()
  scenes.make_table(simulation)
  yield simulation
  simulation.close()


def _make(simulation, seed):
  return shapes.make_shape(simulation, np.random.default_rng(seed))


def _width_where_held(simulation, thing, spot):
  """Returns its extent along x through the grasp, by rays from both sides."""
  height = thing.rest_height_m + thing.grasp_height_m
  ends = []
  for side in (-1, 1):
    outside = (spot[0] + side * 0.2, spot[1], height)
    hit = simulation.client.rayTest(outside, (spot[0], spot[1], height))[0]
    assert hit[0] == thing.body
    ends.append(hit[3][0])
  return ends[1] - ends[0]


@pytest.mark.parametrize('seed', range(25))
def test_every_shape_can_be_held_along_its_x_axis(simulation, seed):
  thing = _make(simulation, seed)
  simulation.place(thing.body, (0.5, 0, thing.rest_height_m))
  simulation.step(1)
  assert (
    0.019 < _width_where_held(simulation, thing, (0.5, 0)) < GRIP_M / 2 + 1e-3
  )


@pytest.mark.parametrize('seed', range(25))
def test_every_shape_stands_as_placed(simulation, seed):
  thing = _make(simulation, seed)
  assert thing.stands
  simulation.place(thing.body, (0.5, 0, thing.rest_height_m), 0.3)
  simulation.step(240)
  position, (x, y, z, w) = simulation.pose(thing.body)
  np.testing.assert_allclose(
    position, (0.5, 0, thing.rest_height_m), atol=0.001
  )
  assert 1 - 2 * (x * x + y * y) > 0.9999
  assert 2 * np.arctan2(z, w) == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize('seed', range(25))
def test_its_cylinder_holds_it(simulation, seed):
  thing = _make(simulation, seed)
  simulation.place(thing.body, (0, 0, 1))
  simulation.step(1)
  low, high = simulation.client.getAABB(thing.body)
  assert max(*high[:2], -low[0], -low[1]) < thing.radius_m + 0.003


def test_shapes_differ_and_follow_the_generator(simulation):
  first, other, again = (_make(simulation, seed) for seed in (1, 2, 1))
  assert first.radius_m == again.radius_m != other.radius_m
  assert first.mass_kg == again.mass_kg


def test_a_colour_has_the_hue_that_was_asked_for():
  rng = np.random.default_rng(0)
  for _ in range(50):
    red, green, blue, alpha = shapes.random_colour(rng, (0.5, 0.6))
    assert alpha == 1.0
    assert 0.5 <= colorsys.rgb_to_hsv(red, green, blue)[0] <= 0.6


def test_the_fingertips_hold_it_below_its_top(simulation):
  thing = shapes.stand(
    simulation,
    [body_lib.box((0.01, 0.01, 0.03), z_m=0.03)],
    name='post',
    height_m=0.06,
    radius_m=0.015,
    mass_kg=0.1,
    rgba=(1, 1, 1, 1),
  )
  # 6 cm high, held 1.8 cm below the top: at 4.2 cm, 2 cm above its origin.
  assert thing.rest_height_m == pytest.approx(0.022)
  assert thing.rest_height_m + thing.grasp_height_m == pytest.approx(0.042)
