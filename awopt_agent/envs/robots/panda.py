"""Franka Emika Panda with its hand, of `pybullet_data`."""

import math

import numpy as np

from awopt_agent.envs.robots import base

__all__ = ['Panda']


class Panda(base.Robot):
  """An arm with seven joints; stands in for the paper's "Pica"."""

  _ARM = tuple(range(7))
  # More than its data sheet's, since no controller here compensates gravity.
  _ARM_FORCES_NM = (300.0,) * 7
  _YAW_LINK = 8
  _GRIPPER = base.Gripper(
    joints=(9, 10),
    opened=(0.04, 0.04),
    closed=(0.0, 0.0),
    tips=(9, 10),
    sides=(frozenset((9,)), frozenset((10,))),
    open_gap_m=0.08,
    closed_gap_m=0.0,
    tip_length_m=0.0536,
    force=20.0,  # A stronger one throws what is held askew.
    gain=0.2,
  )
  _SHOULDER_HEIGHT_M = 0.333
  # Its elbow stands out to the side of both links.
  _UPPER_ARM_M = math.hypot(0.316, 0.0825)
  _UPPER_BEND_RAD = math.atan2(0.0825, 0.316)
  _FOREARM_M = math.hypot(0.384, 0.0825)
  _FORE_BEND_RAD = math.atan2(0.0825, 0.384)
  # From the wrist to the axis of the hand, and down to the fingertips.
  _HAND_REACH_M = 0.088
  _WRIST_HEIGHT_M = 0.107 + 0.0584 + 0.0536

  def _load(self) -> int:
    return self._client.loadURDF('franka_panda/panda.urdf', useFixedBase=True)

  def _yaw(self) -> float:
    x, y, z, w = self._client.getLinkState(
      self.body, self._YAW_LINK, computeForwardKinematics=1
    )[5]
    # The fingers move along the hand's second axis.
    return math.atan2(1 - 2 * (x * x + z * z), 2 * (x * y - w * z))

  def _arm_angles(self, position_m, yaw_rad) -> tuple[float, ...]:
    # With its third and fifth joint at 0 the arm moves in a vertical plane.
    reach = np.hypot(position_m[0], position_m[1]) - self._HAND_REACH_M
    rise = position_m[2] + self._WRIST_HEIGHT_M - self._SHOULDER_HEIGHT_M
    lean, elbow = base.two_links(
      reach, rise, self._UPPER_ARM_M, self._FOREARM_M
    )
    turn = np.arctan2(position_m[1], position_m[0])
    second = lean - self._UPPER_BEND_RAD
    fourth = -elbow - self._UPPER_BEND_RAD - self._FORE_BEND_RAD
    return (
      turn, second, 0.0, fourth, 0.0, second - fourth,
      turn - yaw_rad - math.pi / 4,
    )  # fmt: skip
