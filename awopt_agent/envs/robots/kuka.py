"""Kuka IIWA with the two-finger gripper of `pybullet_data`."""

import numpy as np

from awopt_agent.envs.robots import base

__all__ = ['Kuka']


class Kuka(base.Robot):
  """The arm of the paper's Tasks 1 and 3, with seven joints."""

  _ARM = tuple(range(8))  # Seven joints, and the gripper's mount.
  _ARM_FORCES_NM = (300.0,) * 8
  _YAW_JOINT = 7
  # Finger and tip turn against each other, so the pads stay vertical.
  _GRIPPER = base.Gripper(
    joints=(8, 11, 10, 13),
    opened=(-0.42, 0.42, 0.42, -0.42),
    closed=(0.04, -0.04, 0.0, 0.0),
    tips=(10, 13),
    sides=(frozenset((8, 9, 10)), frozenset((11, 12, 13))),
    open_gap_m=0.1507,
    closed_gap_m=0.029,
    tip_length_m=0.057,
    force=6.0,
    gain=0.2,
  )
  # The arm's plane: shoulder above the origin, then two links to the wrist.
  _BASE_M = (-0.1, 0.0, 0.07)
  _SHOULDER_HEIGHT_M = 0.36
  _UPPER_ARM_M = 0.42
  _FOREARM_M = 0.40
  # From the point between the fingertips up to the wrist, and the sideways
  # offset of the gripper's meshes at yaw 0.
  _WRIST_HEIGHT_M = 0.3467
  _SIDE_OFFSET_M = 0.0240

  def _load(self) -> int:
    body = self._client.loadSDF('kuka_iiwa/kuka_with_gripper2.sdf')[0]
    self._client.resetBasePositionAndOrientation(
      body, self._BASE_M, (0, 0, 0, 1)
    )
    return body

  def _yaw(self) -> float:
    # The joint's axis points down.
    return -self._client.getJointState(self.body, self._YAW_JOINT)[0]

  def _arm_angles(self, position_m, yaw_rad) -> tuple[float, ...]:
    # With its third and fifth joint at 0 the arm moves in a vertical plane
    # and has one solution with the elbow up. PyBullet's iterative solver
    # drifted into other branches, and got stuck there in a quarter of the
    # episodes.
    x = position_m[0] + self._SIDE_OFFSET_M * np.sin(yaw_rad)
    y = position_m[1] - self._SIDE_OFFSET_M * np.cos(yaw_rad)
    reach = np.hypot(x, y)
    rise = position_m[2] + self._WRIST_HEIGHT_M - self._SHOULDER_HEIGHT_M
    lean, elbow = base.two_links(
      reach, rise, self._UPPER_ARM_M, self._FOREARM_M
    )
    turn = np.arctan2(y, x)
    # The last two axes point down: one cancels the turn, one sets the yaw.
    return (
      turn, lean, 0.0, -elbow, 0.0, np.pi - lean - elbow, turn, -yaw_rad,
    )  # fmt: skip
