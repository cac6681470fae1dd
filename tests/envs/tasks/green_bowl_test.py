import numpy as np
import pytest

from awopt_agent.envs import scenes, world
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.tasks import green_bowl


@pytest.fixture(name='simulation')
def _simulation():
  simulation = simulation_lib.Simulation()
  scenes.make_table(simulation)
  yield simulation
  simulation.close()


def test_each_object_keeps_its_place_the_bowl_first(simulation):
  task = green_bowl.GreenBowl(simulation, world.World())
  task.set_conditions(world.World().draw(_rng()))
  task.reset(_rng())
  for position in ((0.4, -0.2, 0.1), (0.7, 0.2, 0.1)):
    names = [thing.name for thing in task.ordered(np.array(position))]
    assert names == ['bowl', 'block', 'can', 'block']


def _rng():
  return np.random.default_rng(0)


def test_the_bowl_alone_is_sought(simulation):
  task = green_bowl.GreenBowl(simulation, world.World())
  assert [thing.name for thing in task.sought()] == ['bowl']


def test_in_real_the_other_objects_are_meshes(simulation):
  task = green_bowl.GreenBowl(simulation, world.RealWorld())
  bowl, *others = task.objects
  assert bowl.name == 'bowl'
  assert all(thing.name.isdigit() for thing in others)


def test_objects_start_inside_their_area(simulation):
  task = green_bowl.GreenBowl(
    simulation,
    world.World(),
    area_low_m=(0.5, -0.1),
    area_high_m=(0.7, 0.1),
  )
  rng = _rng()
  for _ in range(20):
    task.set_conditions(world.World().draw(rng))
    task.reset(rng)
    for thing in task.in_play:
      x, y, _ = simulation.pose(thing.body)[0]
      assert 0.499 < x < 0.701
      assert -0.101 < y < 0.101
