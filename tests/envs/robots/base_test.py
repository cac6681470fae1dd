import itertools

import numpy as np
import pytest

from awopt_agent.envs import robots
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import tableware
from awopt_agent.envs.robots import base

WORKSPACE = robots.Workspace()
# Closing fingers swing down, and their tips with them.
MAX_SWING_M = 0.025


@pytest.fixture(name='world', params=sorted(robots.ROBOTS))
def _world(request):
  simulation = simulation_lib.Simulation()
  yield simulation, robots.ROBOTS[request.param](simulation, WORKSPACE)
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


def test_an_arm_never_shoots_past_its_goal(world):
  simulation, arm = world
  arm.home(WORKSPACE.center_m, 0.3)
  simulation.step(60)
  for down in (-0.05, 0.05):
    start = arm.state().position_m[2]
    arm.command(np.array([0, 0, down]), 0.0, False)
    moved = []
    for _ in range(30):
      simulation.step(1)
      moved.append((arm.state().position_m[2] - start) / down)
    assert max(moved) < 1.05
    assert moved[-1] > 0.95


def test_holds_what_is_between_closed_fingers(world):
  simulation, arm = world
  block = tableware.make_block(simulation, half_extents_m=(0.02, 0.02, 0.03))
  client = simulation.client
  client.setGravity(0, 0, 0)
  center = _go_to(world, WORKSPACE.center_m).position_m
  simulation.place(block.body, center)
  simulation.step(1)
  assert not arm.holds(block.body)
  arm.command(np.zeros(3), 0.0, True)
  simulation.step(60)
  assert arm.holds(block.body)
  arm.command(np.zeros(3), 0.0, False)
  simulation.step(60)
  assert not arm.holds(block.body)


def test_touching_one_finger_is_not_holding(world):
  simulation, arm = world
  block = tableware.make_block(simulation, half_extents_m=(0.01, 0.01, 0.01))
  simulation.client.setGravity(0, 0, 0)
  arm.home(WORKSPACE.center_m, 0.0)
  simulation.step(120)
  left, _ = arm._tip_positions()
  simulation.place(block.body, left)  # Inside the finger's tip.
  simulation.step(1)
  assert simulation.touching_links(arm.body, block.body)
  assert not arm.holds(block.body)


def test_two_links_reach_their_goal():
  # Lengths 3 and 4 at a right angle reach 5: a goal (3, 4) is reached by a
  # first link at lean a and a second at a + 90 degrees.
  lean, elbow = base.two_links(3.0, 4.0, 3.0, 4.0)
  assert elbow == pytest.approx(np.pi / 2)
  reach = 3 * np.sin(lean) + 4 * np.sin(lean + elbow)
  rise = 3 * np.cos(lean) + 4 * np.cos(lean + elbow)
  assert (reach, rise) == pytest.approx((3.0, 4.0))


def test_two_links_stretch_towards_what_is_too_far():
  assert base.two_links(9.0, 0.0, 1.0, 1.0) == pytest.approx((np.pi / 2, 0.0))
