import itertools

import numpy as np
import pytest

from awopt_agent.envs import robot
from awopt_agent.envs import simulation as simulation_lib

WORKSPACE = robot.Workspace()
# Closing fingers swing down, and their tips with them.
MAX_SWING_M = 0.025


@pytest.fixture(name='world')
def _world():
  simulation = simulation_lib.Simulation()
  yield simulation, robot.KukaArm(simulation, WORKSPACE)
  simulation.close()


def _go_to(world, position_m, yaw_rad=0.0, closed=False):
  """Commands an absolute pose from wherever the robot is, and settles."""
  simulation, arm = world
  # Far below and left, clipped: the target is now a known corner.
  arm.command(np.full(3, -9.0), -9.0, closed)
  arm.command(
    np.asarray(position_m) - WORKSPACE.low_m, yaw_rad + np.pi / 2, closed
  )
  simulation.step(360)
  return arm.state()


def _grid(*counts):
  axes = zip(WORKSPACE.low_m, WORKSPACE.high_m, counts, strict=True)
  return list(itertools.product(*(np.linspace(*axis) for axis in axes)))


@pytest.mark.parametrize('yaw_rad', [-1.2, 0.0, 1.2])
def test_reaches_every_part_of_the_workspace(world, yaw_rad):
  for goal in _grid(4, 3, 3):
    state = _go_to(world, goal, yaw_rad)
    # Low at the near edge the elbow is at its limit, just short of the goal.
    near = goal[0] == WORKSPACE.low_m[0] and goal[2] == WORKSPACE.low_m[2]
    np.testing.assert_allclose(
      state.position_m, goal, atol=0.005 if near else 0.001
    )
    assert state.yaw_rad == pytest.approx(yaw_rad, abs=0.01)


def test_closed_fingertips_are_lower_but_not_aside(world):
  for goal in _grid(2, 2, 2):
    state = _go_to(world, goal, closed=True)
    np.testing.assert_allclose(state.position_m[:2], goal[:2], atol=0.003)
    assert 0 < goal[2] - state.position_m[2] < MAX_SWING_M


def test_targets_beyond_the_workspace_end_at_its_border(world):
  state = _go_to(world, (9.0, 9.0, 9.0))
  np.testing.assert_allclose(state.position_m, WORKSPACE.high_m, atol=0.003)
  assert state.yaw_rad == pytest.approx(0, abs=0.01)


def test_a_walk_at_random_stays_inside(world):
  simulation, arm = world
  rng = np.random.default_rng(0)
  simulation.step(100)
  for _ in range(300):
    arm.command(rng.uniform(-0.04, 0.04, 3), rng.uniform(-0.4, 0.4), False)
    simulation.step(12)
    position = arm.state().position_m
    assert np.all(position > np.array(WORKSPACE.low_m) - 0.01), position
    assert np.all(position < np.array(WORKSPACE.high_m) + 0.01), position


def test_yaw_stops_at_a_quarter_turn(world):
  simulation, arm = world
  for _ in range(9):
    arm.command(np.zeros(3), 0.4, False)
    simulation.step(60)
  assert arm.state().yaw_rad == pytest.approx(np.pi / 2, abs=0.01)


def test_the_gripper_opens_and_closes(world):
  center = WORKSPACE.center_m
  assert _go_to(world, center, closed=True).aperture < 0.02
  assert _go_to(world, center, closed=False).aperture > 0.98


def test_home_needs_no_time(world):
  _, arm = world
  arm.command(np.full(3, 0.1), 0.5, True)
  arm.home(WORKSPACE.high_m, -0.3)
  state = arm.state()
  np.testing.assert_allclose(state.position_m, WORKSPACE.high_m, atol=0.003)
  assert state.yaw_rad == pytest.approx(-0.3, abs=1e-6)
  assert state.aperture > 0.98


def test_home_keeps_to_the_workspace(world):
  _, arm = world
  arm.home(np.array([0.0, 0.0, 5.0]), 0.0)
  np.testing.assert_allclose(
    arm.state().position_m,
    (WORKSPACE.low_m[0], 0, WORKSPACE.high_m[2]),
    atol=0.003,
  )
