import numpy as np
import pytest

from awopt_agent.envs import scenes, world
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.tasks import indiscriminate_grasping

WORLD = world.World()
# The engine's boxes are a little larger than what they hold.
SLACK_M = 0.004


@pytest.fixture(name='simulation')
def _simulation():
  simulation = simulation_lib.Simulation()
  scenes.make_table(simulation)
  yield simulation
  simulation.close()


def _make(simulation, **settings):
  return indiscriminate_grasping.IndiscriminateGrasping(
    simulation, WORLD, **settings
  )


def test_any_object_in_play_is_sought(simulation):
  task = _make(simulation, objects=3, different_objects=5)
  rng = np.random.default_rng(0)
  task.set_conditions(WORLD.draw(rng))
  task.reset(rng)
  assert task.sought() == task.in_play
  assert len(task.in_play) == 3


def test_episodes_draw_from_all_objects(simulation):
  task = _make(simulation, objects=3, different_objects=6)
  rng = np.random.default_rng(0)
  seen = set()
  for _ in range(20):
    task.set_conditions(WORLD.draw(rng))
    task.reset(rng)
    seen |= {thing.body for thing in task.in_play}
  assert seen == {thing.body for thing in task.objects}


def test_objects_lie_inside_the_bin_and_the_others_far_away(simulation):
  task = _make(simulation)
  rng = np.random.default_rng(0)
  for _ in range(1000):
    task.set_conditions(WORLD.draw(rng))
    task.reset(rng)
    for thing in task.objects:
      low, high = simulation.client.getAABB(thing.body)
      if thing in task.in_play:
        assert 0.43 - SLACK_M < low[0] and high[0] < 0.71 + SLACK_M
        assert -0.18 - SLACK_M < low[1] and high[1] < 0.18 + SLACK_M
      else:
        assert low[0] > 2


def test_the_world_decides_which_objects_there_are(simulation):
  radii = []
  for seed in (0, 1, 0):
    other = simulation_lib.Simulation()
    task = indiscriminate_grasping.IndiscriminateGrasping(
      other, world.World(object_seed=seed)
    )
    radii.append([thing.radius_m for thing in task.objects])
    other.close()
  assert radii[0] == radii[2] != radii[1]


def test_refuses_more_objects_than_the_bin_holds(simulation):
  with pytest.raises(ValueError, match='no room for 40 objects between'):
    _make(simulation, objects=40)


def test_refuses_an_empty_bin(simulation):
  with pytest.raises(ValueError, match='objects must be an int >= 1, got 0'):
    _make(simulation, objects=0)
