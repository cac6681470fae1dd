import numpy as np
import pytest

from awopt_agent.envs import objects, scenes
from awopt_agent.envs import simulation as simulation_lib


@pytest.fixture(name='simulation')
def _simulation():
  simulation = simulation_lib.Simulation()
  yield simulation
  simulation.close()


@pytest.fixture(name='block')
def _block(simulation):
  return objects.make_block(simulation, half_extents_m=(0.02,) * 3)


def test_things_fall_as_on_earth(simulation, block):
  simulation.place(block.body, (0, 0, 10))
  simulation.step(120)
  height = simulation.pose(block.body)[0][2]
  # Half a second: 10 - 9.81 / 2 * .25 = 8.774 m, at 9.81 * .5 = 4.905 m/s,
  # which the engine damps by some percent.
  assert height == pytest.approx(8.774, abs=0.03)
  assert simulation.speed(block.body) == pytest.approx(4.905, rel=0.05)


def test_placing_stops_a_body_and_turns_it_upright(simulation, block):
  simulation.step(60)
  simulation.place(block.body, (0.1, 0.2, 0.3), yaw_rad=np.pi / 2)
  position, quaternion = simulation.pose(block.body)
  np.testing.assert_allclose(position, (0.1, 0.2, 0.3))
  # A quarter turn about z: sin(45 deg), cos(45 deg).
  np.testing.assert_allclose(quaternion, (0, 0, 0.5**0.5, 0.5**0.5), atol=1e-9)
  assert simulation.speed(block.body) == 0


def test_a_saved_state_has_one_future(simulation):
  scenes.make_table(simulation)
  things = [
    objects.make_can(simulation, radius_m=0.02, height_m=0.06) for _ in range(4)
  ]
  saved = simulation.save()

  def play(moves):
    simulation.reset_to(saved)
    for place, thing in enumerate(things):
      simulation.place(thing.body, (0.03 * place, 0.0, 0.05 + 0.06 * place))
    simulation.step(moves)
    return np.concatenate(
      [np.concatenate(simulation.pose(thing.body)) for thing in things]
    )

  first = play(200)
  # Stopped at different moments, for other contacts to be left over.
  for count in (0, 1, 13, 37, 111):
    play(count)
    np.testing.assert_array_equal(play(200), first)


def test_a_picture_shows_a_body(simulation, block):
  camera = simulation_lib.Camera(
    eye_m=(0.3, 0.0, 0.1), target_m=(0.0, 0.0, 0.0), width=40, height=30
  )
  simulation.place(block.body, (0, 0, 0))
  picture = simulation.render(camera)
  simulation.place(block.body, (0, 0, -9))
  assert picture.shape == (30, 40, 3)
  assert picture.dtype == np.uint8
  assert np.any(picture[15, 20] != simulation.render(camera)[15, 20])


def test_two_worlds_do_not_meet(simulation, block):
  other = simulation_lib.Simulation()
  simulation.place(block.body, (0, 0, 1))
  other.step(100)
  np.testing.assert_allclose(simulation.pose(block.body)[0], (0, 0, 1))
  other.close()


def test_closing_twice_does_nothing():
  simulation = simulation_lib.Simulation()
  simulation.close()
  simulation.close()
  assert simulation.client is None
