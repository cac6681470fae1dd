import numpy as np
import pytest

from awopt_agent.envs import scenes
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import meshes


@pytest.fixture(name='simulation')
def _simulation():
  simulation = simulation_lib.Simulation()
  scenes.make_table(simulation)
  yield simulation
  simulation.close()


def make(simulation, seed, count=1):
  return meshes.make_meshes(simulation, np.random.default_rng(seed), count)


@pytest.mark.parametrize('seed', range(8))
def test_a_mesh_fits_between_the_fingers_and_comes_to_rest(simulation, seed):
  (thing,) = make(simulation, seed)
  simulation.place(thing.body, (0, 0, 1))
  simulation.step(1)
  extents = np.subtract(*reversed(simulation.client.getAABB(thing.body)))
  assert min(extents[:2]) < 0.055  # The margin of the engine's box included.
  assert max(extents[:2]) / 2 < thing.radius_m + 0.01
  assert not thing.stands
  simulation.place(thing.body, (0.5, 0, thing.rest_height_m))
  assert scenes.settle(simulation, [thing])


def test_the_generator_chooses_the_meshes(simulation):
  names = [
    [thing.name for thing in make(simulation, seed, 3)] for seed in (1, 2, 1)
  ]
  assert names[0] == names[2] != names[1]


def test_no_mesh_comes_twice(simulation):
  names = {thing.name for thing in make(simulation, 0, 40)}
  assert len(names) == 40


def test_the_last_mesh_counts(monkeypatch, simulation):
  fitting = len(make(simulation, 0, 3))
  monkeypatch.setattr(meshes, '_MIN_EXTENTS_M', (0.0, 0.0, 0.0))
  monkeypatch.setattr(meshes, '_COUNT', fitting)
  assert len(make(simulation, 0, fitting)) == fitting


def test_more_meshes_than_there_are_is_an_error(monkeypatch, simulation):
  monkeypatch.setattr(meshes, '_COUNT', 3)
  with pytest.raises(ValueError, match='4 were asked for'):
    make(simulation, 0, 4)
