import itertools

import numpy as np
import pytest

from awopt_agent.envs import objects, scenes
from awopt_agent.envs import simulation as simulation_lib

AREA = {'low_m': (0.4, -0.1), 'high_m': (0.6, 0.1)}


@pytest.fixture(name='world')
def _world():
  simulation = simulation_lib.Simulation()
  things = [
    objects.make_block(simulation, half_extents_m=(0.02, 0.02, 0.03))
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
    scenes.scatter(simulation, things, rng, **AREA)
    spots = _spots(simulation, things)
    assert np.all(spots[:, :2] >= AREA['low_m'])
    assert np.all(spots[:, :2] <= AREA['high_m'])
    for a, b in itertools.combinations(spots, 2):
      assert np.linalg.norm(a - b) > 2 * things[0].radius_m + 0.01


def test_chance_alone_decides(world):
  simulation, things = world
  layouts = []
  for seed in (1, 2, 1):
    rng = np.random.default_rng(seed)
    scenes.scatter(simulation, things, rng, **AREA)
    layouts.append(_spots(simulation, things))
  np.testing.assert_array_equal(layouts[0], layouts[2])
  assert np.abs(layouts[0] - layouts[1]).max() > 0.01


def test_says_when_there_is_no_room(world):
  simulation, things = world
  with pytest.raises(ValueError, match='no room for a block.*place fewer'):
    scenes.scatter(
      simulation,
      things,
      np.random.default_rng(0),
      low_m=(0.5, 0.0),
      high_m=(0.51, 0.01),
    )
