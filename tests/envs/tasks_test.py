import numpy as np
import pytest

from awopt_agent.envs import robot, tasks
from awopt_agent.envs import simulation as simulation_lib


@pytest.fixture(name='world')
def _world():
  simulation = simulation_lib.Simulation()
  task = tasks.GreenBowl(simulation)
  task.reset(np.random.default_rng(0))
  yield simulation, task
  simulation.close()


def _gripper_at(*position_m):
  return robot.GripperState(np.array(position_m), yaw_rad=0.0, aperture=0.3)


def _success(world, bowl_m, gripper_m):
  simulation, task = world
  simulation.place(task.objects[0].body, bowl_m)
  return task.success(_gripper_at(*gripper_m))


def test_the_bowl_comes_first(world):
  _, task = world
  names = [thing.name for thing in task.objects]
  assert names == ['bowl', 'block', 'can', 'block']


def test_a_held_bowl_counts_from_eight_centimetres(world):
  assert _success(world, (0.5, 0, 0.081), (0.5, 0, 0.10))
  assert not _success(world, (0.5, 0, 0.079), (0.5, 0, 0.10))


def test_a_flung_bowl_does_not_count(world):
  assert not _success(world, (0.5, 0, 0.20), (0.5, 0.071, 0.20))
  assert not _success(world, (0.5, 0, 0.30), (0.5, 0, 0.22))
  assert _success(world, (0.5, 0, 0.20), (0.5, 0.069, 0.20))


def test_another_object_does_not_count(world):
  simulation, task = world
  for other in task.objects[1:]:
    simulation.place(other.body, (0.5, 0, 0.15))
    assert not task.success(_gripper_at(0.5, 0, 0.16))


def test_a_fresh_layout_is_no_success(world):
  simulation, task = world
  rng = np.random.default_rng(1)
  for _ in range(50):
    task.reset(rng)
    bowl = simulation.pose(task.objects[0].body)[0]
    assert not task.success(_gripper_at(*bowl))
