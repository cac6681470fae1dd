"""Robot arms with a parallel gripper that points down."""

import dataclasses

import numpy as np

from awopt_agent.envs import simulation as simulation_lib

__all__ = ['GripperState', 'KukaArm', 'Workspace']


@dataclasses.dataclass(frozen=True)
class Workspace:
  """The box that the point between the fingertips may reach, metres."""

  low_m: tuple[float, float, float] = (0.43, -0.20, 0.015)
  high_m: tuple[float, float, float] = (0.71, 0.20, 0.30)

  @property
  def center_m(self) -> np.ndarray:
    return (np.array(self.low_m) + np.array(self.high_m)) / 2

  def clip(self, position_m: np.ndarray) -> np.ndarray:
    return np.clip(position_m, self.low_m, self.high_m)


@dataclasses.dataclass(frozen=True)
class GripperState:
  """Where the gripper is.

  Attributes:
    position_m: `[3]` point between the fingertips' lower ends, metres.
    yaw_rad: Rotation about the vertical; the fingers close along x at 0.
    aperture: Gap between the fingertips as a share of the widest, in [0, 1].
  """

  position_m: np.ndarray
  yaw_rad: float
  aperture: float


class KukaArm:
  """Kuka IIWA with the two-finger gripper of `pybullet_data`.

  A command is a target for the point between the fingertips, a yaw, and
  open or closed; inverse kinematics turns it into joint targets.
  """

  _ARM = tuple(range(8))  # Seven joints, and the gripper's mount.
  _YAW_JOINT = 7
  # (joint, sign of the angle that opens it): the finger and its tip turn
  # against each other, so the pads stay vertical.
  _FINGERS = ((8, -1), (11, 1))
  _TIPS = ((10, 1), (13, -1))
  # The arm's plane: shoulder above the origin, then two links to the wrist.
  _BASE_M = (-0.1, 0.0, 0.07)
  _SHOULDER_HEIGHT_M = 0.36
  _UPPER_ARM_M = 0.42
  _FOREARM_M = 0.40
  # From the point between the fingertips up to the wrist, and the sideways
  # offset of the gripper's meshes at yaw 0.
  _WRIST_HEIGHT_M = 0.3467
  _SIDE_OFFSET_M = 0.0240
  # From the frames of the two fingertip links to the pads' lower end.
  _TIP_LENGTH_M = 0.057
  _OPEN_RAD = 0.42
  _CLOSED_RAD = -0.04
  # Between the frames of the fingertip links, at those two angles.
  _OPEN_GAP_M = 0.1507
  _CLOSED_GAP_M = 0.029
  _ARM_FORCE_NM = 300.0
  _FINGER_FORCE_NM = 6.0
  _MAX_YAW_RAD = np.pi / 2

  def __init__(
    self,
    simulation: simulation_lib.Simulation,
    workspace: Workspace,
  ):
    self._client = simulation.client
    self._workspace = workspace
    self.body = self._client.loadSDF('kuka_iiwa/kuka_with_gripper2.sdf')[0]
    self._client.resetBasePositionAndOrientation(
      self.body, self._BASE_M, (0, 0, 0, 1)
    )
    for joint, _ in self._FINGERS + self._TIPS:
      self._client.changeDynamics(self.body, joint, lateralFriction=1.5)
    self._target_m = np.zeros(3)
    self._target_yaw_rad = 0.0
    self.home(workspace.center_m, 0.0)

  def home(self, position_m: np.ndarray, yaw_rad: float) -> None:
    """Puts the open gripper at a pose at once, without simulating a path."""
    self._target_m = self._workspace.clip(np.asarray(position_m, float))
    self._target_yaw_rad = float(yaw_rad)
    for joint, angle in zip(self._ARM, self._arm_angles(), strict=True):
      self._client.resetJointState(self.body, joint, angle)
    for joint, sign in self._FINGERS + self._TIPS:
      self._client.resetJointState(self.body, joint, sign * self._OPEN_RAD)
    self._set_motors(closed=False)

  def command(
    self, displacement_m: np.ndarray, yaw_change_rad: float, closed: bool
  ) -> None:
    """Moves the target by a displacement, inside the workspace.

    Args:
      displacement_m: `[3]` metres, world axes.
      yaw_change_rad: Change of the gripper's yaw, radians.
      closed: Whether the fingers close.
    """
    self._target_m = self._workspace.clip(self._target_m + displacement_m)
    self._target_yaw_rad = float(
      np.clip(
        self._target_yaw_rad + yaw_change_rad,
        -self._MAX_YAW_RAD,
        self._MAX_YAW_RAD,
      )
    )
    self._set_motors(closed)

  def state(self) -> GripperState:
    """Reads the gripper's measured pose."""
    left, right = self._tip_positions()
    position = (left + right) / 2
    position[2] -= self._TIP_LENGTH_M
    gap_m = np.linalg.norm(left - right)
    share = (gap_m - self._CLOSED_GAP_M) / (
      self._OPEN_GAP_M - self._CLOSED_GAP_M
    )
    return GripperState(
      position_m=position,
      # The joint's axis points down.
      yaw_rad=-self._client.getJointState(self.body, self._YAW_JOINT)[0],
      aperture=float(np.clip(share, 0.0, 1.0)),
    )

  def _tip_positions(self) -> tuple[np.ndarray, np.ndarray]:
    states = self._client.getLinkStates(
      self.body, [joint for joint, _ in self._TIPS], computeForwardKinematics=1
    )
    return np.array(states[0][4]), np.array(states[1][4])

  def _arm_angles(self) -> tuple[float, ...]:
    """Solves the inverse kinematics of the target, in closed form.

    With its third and fifth joint at 0 the arm moves in a vertical plane and
    has one solution with the elbow up. PyBullet's iterative solver drifted
    into other branches and got stuck there in a quarter of the episodes.
    """
    yaw = self._target_yaw_rad
    x = self._target_m[0] + self._SIDE_OFFSET_M * np.sin(yaw)
    y = self._target_m[1] - self._SIDE_OFFSET_M * np.cos(yaw)
    reach = np.hypot(x, y)
    rise = self._target_m[2] + self._WRIST_HEIGHT_M - self._SHOULDER_HEIGHT_M
    upper, fore = self._UPPER_ARM_M, self._FOREARM_M
    cosine = (reach**2 + rise**2 - upper**2 - fore**2) / (2 * upper * fore)
    elbow = np.arccos(np.clip(cosine, -1.0, 1.0))
    lean = np.arctan2(reach, rise) - np.arctan2(
      fore * np.sin(elbow), upper + fore * np.cos(elbow)
    )
    turn = np.arctan2(y, x)
    # The last two axes point down: one cancels the turn, one sets the yaw.
    return (turn, lean, 0.0, -elbow, 0.0, np.pi - lean - elbow, turn, -yaw)

  def _set_motors(self, closed: bool) -> None:
    control = self._client.POSITION_CONTROL
    self._client.setJointMotorControlArray(
      self.body,
      self._ARM,
      control,
      targetPositions=self._arm_angles(),
      forces=[self._ARM_FORCE_NM] * len(self._ARM),
      positionGains=[0.35] * len(self._ARM),
    )
    angle = self._CLOSED_RAD if closed else self._OPEN_RAD
    fingers = self._FINGERS + self._TIPS
    self._client.setJointMotorControlArray(
      self.body,
      [joint for joint, _ in fingers],
      control,
      targetPositions=[
        sign * (angle if index < 2 else max(angle, 0.0))
        for index, (_, sign) in enumerate(fingers)
      ],
      forces=[self._FINGER_FORCE_NM] * len(fingers),
      positionGains=[0.2] * len(fingers),
    )
