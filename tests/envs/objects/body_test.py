import numpy as np
import pytest

from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import body as body_lib

GREY = (0.5, 0.5, 0.5, 1.0)


@pytest.fixture(name='simulation')
def _simulation():
  simulation = simulation_lib.Simulation()
  yield simulation
  simulation.close()


def _height_at(simulation, x):
  """Returns where a ray from above meets something."""
  return simulation.client.rayTest((x, 0, 1), (x, 0, -1))[0][3][2]


def test_parts_stand_where_they_were_put(simulation):
  parts = [
    body_lib.box((0.1, 0.1, 0.2), z_m=0.2),
    body_lib.cylinder(0.05, 0.1, position_m=(0.3, 0.0, 0.05)),
  ]
  body_lib.make_body(simulation, parts, mass_kg=0.0, rgba=GREY)
  simulation.step(1)
  assert _height_at(simulation, 0.0) == pytest.approx(0.4, abs=1e-3)
  assert _height_at(simulation, 0.3) == pytest.approx(0.1, abs=1e-3)


def test_parts_are_one_body_of_one_mass(simulation):
  parts = [body_lib.box((0.1,) * 3), body_lib.box((0.1,) * 3, z_m=0.5)]
  body = body_lib.make_body(simulation, parts, mass_kg=0.3, rgba=GREY)
  assert simulation.client.getNumBodies() == 1
  assert simulation.client.getDynamicsInfo(body, -1)[0] == 0.3


def test_without_mass_it_hangs_in_the_air(simulation):
  body = body_lib.make_body(
    simulation, [body_lib.box((0.1,) * 3, z_m=1.0)], mass_kg=0.0, rgba=GREY
  )
  simulation.step(100)
  np.testing.assert_array_equal(simulation.pose(body)[0], 0)


def test_lifting_moves_a_part_up_alone():
  part = body_lib.box((1, 1, 1), position_m=(1.0, 2.0, 3.0))
  assert body_lib.lift(part, 0.5).position_m == (1.0, 2.0, 3.5)
