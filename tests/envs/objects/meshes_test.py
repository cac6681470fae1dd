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


@pytest.mark.parametrize('seed', range(8))
def test_a_mesh_fits_between_the_fingers_and_comes_to_rest(simulation, seed):
  thing = meshes.make_mesh(simulation, np.random.default_rng(seed))
  simulation.place(thing.body, (0, 0, 1))
  simulation.step(1)
  extents = np.subtract(*reversed(simulation.client.getAABB(thing.body)))
  assert min(extents[:2]) < 0.055  # The margin of the engine's box included.
  assert max(extents[:2]) / 2 < thing.radius_m + 0.01
  assert not thing.stands
  simulation.place(thing.body, (0.5, 0, thing.rest_height_m))
  assert scenes.settle(simulation, [thing])


def test_the_generator_chooses_the_mesh(simulation):
  names = [
    meshes.make_mesh(simulation, np.random.default_rng(seed)).name
    for seed in (1, 2, 1)
  ]
  assert names[0] == names[2] != names[1]
