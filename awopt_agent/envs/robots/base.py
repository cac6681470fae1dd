"""What every robot arm with a parallel gripper has in common."""

import abc
import dataclasses
from collections.abc import Sequence

import numpy as np

from awopt_agent.envs import simulation as simulation_lib

__all__ = ['Gripper', 'GripperState', 'Robot', 'Workspace', 'two_links']

_MAX_YAW_RAD = np.pi / 2


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


@dataclasses.dataclass(frozen=True)
class Gripper:
  """A parallel gripper's joints, and how they move.

  Attributes:
    joints: Of both fingers.
    opened: Target of each joint when open, radians or metres.
    closed: Target of each joint when closed.
    tips: The link at the tip of each finger, left and right.
    sides: All links of the left finger, and of the right one.
    open_gap_m: Distance between the frames of `tips` when open.
    closed_gap_m: The same when closed.
    tip_length_m: From the frames of `tips` down to the fingers' lower end.
    force: Greatest force of each joint, N m or N.
    gain: Position gain of each joint.
  """

  joints: Sequence[int]
  opened: Sequence[float]
  closed: Sequence[float]
  tips: tuple[int, int]
  sides: tuple[frozenset[int], frozenset[int]]
  open_gap_m: float
  closed_gap_m: float
  tip_length_m: float
  force: float
  gain: float


class Robot(abc.ABC):
  """An arm whose gripper points down.

  A command is a target for the point between the fingertips, a yaw, and
  open or closed; inverse kinematics turns it into joint targets. A subclass
  loads the body, names its joints, and solves the inverse kinematics.

  Attributes:
    body: PyBullet's body id.
  """

  _ARM: Sequence[int]
  _ARM_FORCES_NM: Sequence[float]
  _ARM_GAIN = 0.22
  _GRIPPER: Gripper
  _FINGER_FRICTION = 1.5

  def __init__(
    self, simulation: simulation_lib.Simulation, workspace: Workspace
  ):
    """Puts the robot into a world.

    Args:
      simulation: The world.
      workspace: Where the point between its fingertips may go.
    """
    self._simulation = simulation
    self._client = simulation.client
    self._workspace = workspace
    self.body = self._load()
    for link in self._GRIPPER.tips:
      self._client.changeDynamics(
        self.body, link, lateralFriction=self._FINGER_FRICTION
      )
    self._target_m = np.zeros(3)
    self._target_yaw_rad = 0.0
    self.home(workspace.center_m, 0.0)

  @abc.abstractmethod
  def _load(self) -> int:
    """Loads the body and returns its id."""

  @abc.abstractmethod
  def _arm_angles(
    self, position_m: np.ndarray, yaw_rad: float
  ) -> Sequence[float]:
    """Solves the inverse kinematics: an angle for each joint of `_ARM`."""

  @abc.abstractmethod
  def _yaw(self) -> float:
    """Returns the gripper's measured yaw, radians."""

  def home(self, position_m: np.ndarray, yaw_rad: float) -> None:
    """Puts the open gripper at a pose at once, without simulating a path."""
    self._target_m = self._workspace.clip(np.asarray(position_m, float))
    self._target_yaw_rad = float(yaw_rad)
    angles = self._arm_angles(self._target_m, self._target_yaw_rad)
    for joint, angle in zip(
      (*self._ARM, *self._GRIPPER.joints),
      (*angles, *self._GRIPPER.opened),
      strict=True,
    ):
      self._client.resetJointState(self.body, joint, angle)
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
    yaw = self._target_yaw_rad + yaw_change_rad
    self._target_yaw_rad = float(np.clip(yaw, -_MAX_YAW_RAD, _MAX_YAW_RAD))
    self._set_motors(closed)

  def state(self) -> GripperState:
    """Reads the gripper's measured pose."""
    gripper = self._GRIPPER
    left, right = self._tip_positions()
    position = (left + right) / 2
    position[2] -= gripper.tip_length_m
    gap_m = np.linalg.norm(left - right)
    share = (gap_m - gripper.closed_gap_m) / (
      gripper.open_gap_m - gripper.closed_gap_m
    )
    return GripperState(
      position_m=position,
      yaw_rad=self._yaw(),
      aperture=float(np.clip(share, 0.0, 1.0)),
    )

  def holds(self, body: int) -> bool:
    """Tells whether a body touches both fingers."""
    links = self._simulation.touching_links(self.body, body)
    return all(not side.isdisjoint(links) for side in self._GRIPPER.sides)

  def _tip_positions(self) -> tuple[np.ndarray, np.ndarray]:
    states = self._client.getLinkStates(
      self.body, self._GRIPPER.tips, computeForwardKinematics=1
    )
    return np.array(states[0][4]), np.array(states[1][4])

  def _set_motors(self, closed: bool) -> None:
    control = self._client.POSITION_CONTROL
    self._client.setJointMotorControlArray(
      self.body,
      self._ARM,
      control,
      targetPositions=self._arm_angles(self._target_m, self._target_yaw_rad),
      forces=self._ARM_FORCES_NM,
      positionGains=[self._ARM_GAIN] * len(self._ARM),
    )
    gripper = self._GRIPPER
    self._client.setJointMotorControlArray(
      self.body,
      gripper.joints,
      control,
      targetPositions=gripper.closed if closed else gripper.opened,
      forces=[gripper.force] * len(gripper.joints),
      positionGains=[gripper.gain] * len(gripper.joints),
    )


def two_links(
  reach_m: float, rise_m: float, first_m: float, second_m: float
) -> tuple[float, float]:
  """Solves two links in a vertical plane, elbow up.

  Args:
    reach_m: Horizontal distance from shoulder to goal.
    rise_m: Height of the goal above the shoulder.
    first_m: Length of the first link.
    second_m: Length of the second link.

  Returns:
    The first link's angle from the vertical, and the second's from the
    first, radians; stretched towards a goal out of reach.
  """
  cosine = (reach_m**2 + rise_m**2 - first_m**2 - second_m**2) / (
    2 * first_m * second_m
  )
  elbow = np.arccos(np.clip(cosine, -1.0, 1.0))
  lean = np.arctan2(reach_m, rise_m) - np.arctan2(
    second_m * np.sin(elbow), first_m + second_m * np.cos(elbow)
  )
  return lean, elbow
