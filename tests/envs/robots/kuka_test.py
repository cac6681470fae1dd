import numpy as np

from awopt_agent.envs import robots
from awopt_agent.envs import simulation as simulation_lib


def test_its_pads_stay_nearly_vertical():
  simulation = simulation_lib.Simulation()
  arm = robots.Kuka(simulation, robots.Workspace())
  for closed in (False, True):
    arm.command(np.zeros(3), 0.0, closed)
    simulation.step(240)
    for link in (10, 13):
      quaternion = simulation.client.getLinkState(
        arm.body, link, computeForwardKinematics=1
      )[5]
      matrix = simulation.client.getMatrixFromQuaternion(quaternion)
      assert abs(matrix[8]) > 0.96  # Within 16 degrees.
  simulation.close()
