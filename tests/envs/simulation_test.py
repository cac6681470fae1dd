import numpy as np
import pytest

from awopt_agent.envs import scenes
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import tableware


@pytest.fixture(name='simulation')
def _simulation():
  simulation = simulation_lib.Simulation()
  yield simulation
  simulation.close()


@pytest.fixture(name='block')
def _block(simulation):
  return tableware.make_block(simulation, half_extents_m=(0.02,) * 3)


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
    tableware.make_can(simulation, radius_m=0.02, height_m=0.06)
    for _ in range(4)
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


def test_a_sleeper_wakes_when_touched(simulation, block):
  scenes.make_table(simulation)
  simulation.let_sleep(block.body)
  simulation.place(block.body, (0.5, 0, 0.02))
  simulation.step(4)
  simulation.sleep(block.body)
  simulation.step(1)
  resting = simulation.pose(block.body)[0]
  simulation.step(50)
  np.testing.assert_array_equal(simulation.pose(block.body)[0], resting)
  other = tableware.make_block(simulation, half_extents_m=(0.02,) * 3)
  simulation.place(other.body, (0.55, 0, 0.02))
  simulation.client.resetBaseVelocity(other.body, (-1, 0, 0))
  simulation.step(60)
  assert simulation.pose(block.body)[0][0] < resting[0] - 0.005


def test_a_placed_body_is_awake_whatever_it_was(simulation, block):
  simulation.let_sleep(block.body)
  simulation.place(block.body, (0, 0, 1))
  simulation.sleep(block.body)
  simulation.place(block.body, (0, 0, 1))
  simulation.step(24)
  # A tenth of a second: 9.81 / 2 * .01 = .049 m.
  assert simulation.pose(block.body)[0][2] == pytest.approx(0.951, abs=0.003)


def test_the_lowest_point_of_a_body(simulation, block):
  simulation.place(block.body, (0, 0, 1))
  simulation.step(1)
  assert simulation.lowest_m(block.body) == pytest.approx(0.98, abs=0.003)


def test_names_what_surrounds_a_point(simulation, block):
  scenes.make_table(simulation)
  simulation.place(block.body, (0, 0, 1))
  simulation.step(1)
  assert simulation.body_around((0.5, 0, -0.01)) == 'the table'
  assert simulation.body_around((0, 0, 1)) == f'body {block.body}'
  assert simulation.body_around((0, 0, 1.1)) is None


def test_paint_changes_a_picture(simulation, block):
  camera = simulation_lib.Camera(
    eye_m=(0.3, 0.0, 0.1), target_m=(0.0, 0.0, 0.0), width=40, height=30
  )
  simulation.place(block.body, (0, 0, 0))
  simulation.paint(block.body, (0, 0, 1))
  red, _, blue = simulation.render(camera)[15, 20].astype(int)
  assert blue > red + 50
