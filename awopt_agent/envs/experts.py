"""Scripted demonstrators that read the state observation."""

import dataclasses

import gin
import numpy as np

__all__ = ['ExpertConfig', 'GraspExpert']


@gin.configurable
@dataclasses.dataclass(frozen=True)
class ExpertConfig:
  """How well an expert works.

  Attributes:
    noise: Standard deviation added to each continuous action, in units of the
      action ([-1, 1]).
    bias_m: Standard deviation of an error of aim that lasts for an episode,
      metres along x and along y.
  """

  noise: float = 0.15
  bias_m: float = 0.0

  def __post_init__(self):
    for name, value in dataclasses.asdict(self).items():
      if not value >= 0:
        raise ValueError(
          f'{name} is a standard deviation and must be >= 0, got {value}.'
        )


class GraspExpert:
  """Moves above the first object, goes down, closes, lifts, and ends.

  It is a function of the state observation and of its random generator, and
  works in any grasping environment whose first object is the sought one.
  """

  # Fractions of the way are left to the next step: the arm lags a little.
  _GAIN = 0.9
  _NEAR_M = 0.02
  _HOVER_M = 0.085
  _GRASP_HEIGHT_M = 0.020
  _SAFE_LIFT_M = 0.11

  def __init__(
    self,
    config: ExpertConfig,
    rng: np.random.Generator,
    *,
    step_length_m: float = 0.05,
    step_yaw_rad: float = 0.4,
  ):
    """Prepares an expert.

    Args:
      config: How well it works.
      rng: Source of its errors.
      step_length_m: The environment's displacement for an action of 1.
      step_yaw_rad: The environment's turn for an action of 1.
    """
    self._config = config
    self._rng = rng
    self._step_length_m = step_length_m
    self._step_yaw_rad = step_yaw_rad
    self.reset()

  def reset(self) -> None:
    """Begins an episode."""
    self._bias_m = self._rng.normal(0, self._config.bias_m, 2)
    self._yaw_goal_rad: float | None = None
    self._squeezes = 0
    self._start_height_m: float | None = None

  def action(self, observation: dict[str, np.ndarray]) -> dict:
    """Chooses an action.

    Args:
      observation: State observation of a `GraspEnv`.

    Returns:
      An action of `grasp_env.action_spec`.
    """
    to_target = observation['objects'][0, :3].astype(float)
    to_target[:2] += self._bias_m
    yaw = float(np.arctan2(*observation['gripper'][3:5]))
    if self._yaw_goal_rad is None:
      self._yaw_goal_rad = _clear_yaw(observation, yaw)
    turn = self._yaw_goal_rad - yaw
    if self._squeezes == 0 and not self._is_around(to_target):
      return self._make(self._approach(to_target, turn), turn, closed=False)
    return self._grasp_and_lift(height_m=float(observation['gripper'][2]))

  def _is_around(self, to_target: np.ndarray) -> bool:
    # `to_target` ends at the object's foot, `_GRASP_HEIGHT_M` below the
    # fingertips in a good grasp.
    height_left = -to_target[2] - self._GRASP_HEIGHT_M
    return bool(np.linalg.norm(to_target[:2]) < 0.012 and height_left < 0.008)

  def _approach(self, to_target: np.ndarray, turn: float) -> np.ndarray:
    sideways = np.linalg.norm(to_target[:2])
    aligned = sideways < self._NEAR_M and abs(turn) < 0.25
    clearance = self._GRASP_HEIGHT_M if aligned else self._HOVER_M
    move = to_target + (0, 0, clearance)
    return self._GAIN * move / self._step_length_m

  def _grasp_and_lift(self, height_m: float) -> dict:
    still, upwards = np.zeros(3), np.array([0, 0, 1.0])
    self._squeezes += 1
    if self._squeezes <= 1:
      return self._make(still, 0.0, closed=True)
    if self._start_height_m is None:
      self._start_height_m = height_m
    if height_m - self._start_height_m < self._SAFE_LIFT_M:
      return self._make(upwards, 0.0, closed=True)
    return self._make(still, 0.0, closed=True, terminate=True)

  def _make(self, direction, turn, *, closed, terminate=False) -> dict:
    noise = self._rng.normal(0, self._config.noise, 4)
    move = np.clip(np.clip(direction, -1, 1) + noise[:3], -1, 1)
    turn = np.clip(turn / self._step_yaw_rad, -1, 1) + noise[3]
    return {
      'world_vector': move.astype(np.float32),
      'yaw': np.clip([turn], -1, 1).astype(np.float32),
      'gripper': np.int32(closed),
      'terminate': np.int32(terminate),
    }


def _clear_yaw(observation: dict[str, np.ndarray], yaw: float) -> float:
  """Returns the yaw at which the fingers are farthest from other objects."""
  objects = observation['objects'][:, :2].astype(float)
  others = objects[1:] - objects[0]
  candidates = np.linspace(-1.2, 1.2, 13)
  best, best_cost = yaw, np.inf
  for candidate in candidates:
    finger = 0.06 * np.array([np.cos(candidate), np.sin(candidate)])
    distances = [
      np.linalg.norm(other - side * finger)
      for other in others
      for side in (-1, 1)
    ]
    crowding = sum(max(0.0, 0.06 - distance) for distance in distances)
    cost = crowding + 0.002 * abs(candidate - yaw)
    if cost < best_cost:
      best, best_cost = float(candidate), cost
  return best
