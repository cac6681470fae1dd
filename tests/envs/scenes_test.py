import dataclasses
import itertools

import numpy as np
import pytest

from awopt_agent.envs import scenes
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import tableware

AREA = scenes.Area((0.4, -0.1), (0.6, 0.1), gap_m=0.01)


@pytest.fixture(name='world')
def _world():
  simulation = simulation_lib.Simulation()
  things = [
    tableware.make_block(simulation, half_extents_m=(0.02, 0.02, 0.03))
    for _ in range(4)
  ]
  yield simulation, things
  simulation.close()


def _spots(simulation, things):
  return np.array([simulation.pose(thing.body)[0] for thing in things])


def test_nothing_falls_through_the_table(world):
  simulation, things = world
  scenes.make_table(simulation)
  simulation.place(things[0].body, (0.5, 0, 0.05))
  simulation.step(240)
  height = _spots(simulation, things[:1])[0, 2]
  assert height == pytest.approx(things[0].rest_height_m, abs=0.001)


def test_things_lie_apart_inside_the_area(world):
  simulation, things = world
  rng = np.random.default_rng(0)
  for _ in range(100):
    scenes.scatter(simulation, things, rng, AREA)
    spots = _spots(simulation, things)
    assert np.all(spots[:, :2] >= AREA.low_m)
    assert np.all(spots[:, :2] <= AREA.high_m)
    for a, b in itertools.combinations(spots, 2):
      assert np.linalg.norm(a - b) > 2 * things[0].radius_m + 0.01


def test_chance_alone_decides(world):
  simulation, things = world
  layouts = []
  for seed in (1, 2, 1):
    rng = np.random.default_rng(seed)
    scenes.scatter(simulation, things, rng, AREA)
    layouts.append(_spots(simulation, things))
  np.testing.assert_array_equal(layouts[0], layouts[2])
  assert np.abs(layouts[0] - layouts[1]).max() > 0.01


def test_says_when_there_is_no_room(world):
  simulation, things = world
  narrow = scenes.Area((0.45, -0.05), (0.55, 0.05))
  with pytest.raises(ValueError, match='no room for 4 objects.*place fewer'):
    scenes.scatter(simulation, things, np.random.default_rng(0), narrow)
  with pytest.raises(ValueError, match='no room for 4 objects.*place fewer'):
    scenes.check_room(things, 4, narrow)
  scenes.check_room(things, 1, narrow)


def test_a_margin_of_nothing_places_middles_on_the_edge(world):
  simulation, things = world
  rng = np.random.default_rng(0)
  # Narrower than a thing: with its radius as margin it has no room.
  line = scenes.Area((0.4, 0.0), (0.9, 0.001))
  scenes.scatter(simulation, things, rng, line, margin_m=0.0)
  spots = _spots(simulation, things)
  assert np.all((spots[:, 1] >= 0) & (spots[:, 1] <= 0.001))


def test_an_area_knows_what_lies_above_it():
  area = scenes.Area((0.4, -0.1), (0.6, 0.1))
  assert area.holds((0.41, 0.09, 5.0))
  assert not area.holds((0.39, 0.0, 0.0))
  assert not area.holds((0.5, 0.11, 0.0))


def test_a_bin_keeps_what_slides_inside(world):
  simulation, (thing, *_) = world
  scenes.make_table(simulation)
  area = scenes.Area((0.4, -0.1), (0.6, 0.1))
  scenes.make_bin(simulation, area)
  for direction in ((1, 0), (-1, 0), (0, 1), (0, -1)):
    simulation.place(thing.body, (0.5, 0, thing.rest_height_m))
    simulation.client.resetBaseVelocity(thing.body, (*direction, 0))
    simulation.step(240)
    assert area.holds(simulation.pose(thing.body)[0])


def test_settling_waits_for_what_does_not_stand(world):
  simulation, (thing, *_) = world
  scenes.make_table(simulation)
  restless = dataclasses.replace(thing, stands=False)
  simulation.place(thing.body, (0.5, 0, 0.2))
  assert scenes.settle(simulation, [restless])
  height = simulation.pose(thing.body)[0][2]
  assert height == pytest.approx(thing.rest_height_m, abs=0.002)
  assert simulation.speed(thing.body) < 0.005


def test_settling_gives_up_on_what_never_rests(world):
  simulation, (thing, *_) = world  # No table: it falls on.
  assert not scenes.settle(
    simulation, [dataclasses.replace(thing, stands=False)]
  )
