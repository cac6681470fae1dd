import numpy as np

from awopt_agent.envs import robots
from awopt_agent.envs import simulation as simulation_lib


def test_its_hand_points_straight_down():
  simulation = simulation_lib.Simulation()
  workspace = robots.Workspace()
  arm = robots.Panda(simulation, workspace)
  for corner in (workspace.low_m, workspace.high_m):
    arm.home(np.array(corner), 0.4)
    quaternion = simulation.client.getLinkState(
      arm.body, 8, computeForwardKinematics=1
    )[5]
    matrix = simulation.client.getMatrixFromQuaternion(quaternion)
    np.testing.assert_allclose(matrix[8], -1.0, atol=1e-6)
  simulation.close()


def test_its_joints_stay_within_their_limits():
  simulation = simulation_lib.Simulation()
  workspace = robots.Workspace()
  arm = robots.Panda(simulation, workspace)
  limits = [
    simulation.client.getJointInfo(arm.body, joint)[8:10] for joint in range(7)
  ]
  rng = np.random.default_rng(0)
  for _ in range(200):
    goal = rng.uniform(workspace.low_m, workspace.high_m)
    angles = arm._arm_angles(goal, rng.uniform(-np.pi / 2, np.pi / 2))
    for angle, (low, high) in zip(angles, limits, strict=True):
      assert low < angle < high
  simulation.close()
