"""Scripted demonstrators that read the state observation."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import gin
import numpy as np

from awopt_agent.envs import grasp_env

__all__ = ['ExpertConfig', 'GraspExpert', 'make_expert']


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
      if not 0 <= value < np.inf:
        raise ValueError(
          f'{name} is a standard deviation and must be finite and >= 0, got '
          f'{value}.'
        )


class GraspExpert:
  """Moves above an object, goes down, closes, lifts, and ends.

  It is a function of the state observation and of its random generator, and
  works in any grasping environment.
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
    aligns: bool = False,
    choices: Callable[[], int] = lambda: 1,
  ):
    """Prepares an expert.

    Args:
      config: How well it works.
      rng: Source of its errors.
      step_length_m: The environment's displacement for an action of 1.
      step_yaw_rad: The environment's turn for an action of 1.
      aligns: Whether objects are long, so that the fingers have to close
        along their x axis.
      choices: Returns how many of the first objects are sought now.
    """
    self._config = config
    self._rng = rng
    self._step_length_m = step_length_m
    self._step_yaw_rad = step_yaw_rad
    self._aligns = aligns
    self._choices = choices
    self.reset()

  def reset(self) -> None:
    """Begins an episode."""
    self._bias_m = self._rng.normal(0, self._config.bias_m, 2)
    self._goal: _Goal | None = None
    self._squeezes = 0
    self._start_height_m: float | None = None

  def action(self, observation: dict[str, np.ndarray]) -> dict:
    """Chooses an action.

    Args:
      observation: State observation of a `GraspEnv`.

    Returns:
      An action of `grasp_env.action_spec`.
    """
    gripper_m = observation['gripper'][:3].astype(float)
    yaw = float(np.arctan2(*observation['gripper'][3:5]))
    objects = observation['objects'].astype(float)
    if self._goal is None:
      self._goal = _choose_goal(
        objects, yaw, choices=self._choices(), aligns=self._aligns
      )
      self._position_m = gripper_m + objects[self._goal.place, :3]
    to_target = self._find(gripper_m, objects)
    to_target[:2] += self._bias_m
    turn = self._goal.yaw_rad - yaw
    if self._squeezes == 0 and not self._is_around(to_target):
      return self._make(self._approach(to_target, turn), turn, closed=False)
    return self._grasp_and_lift(height_m=gripper_m[2])

  def _find(self, gripper_m, objects) -> np.ndarray:
    """Returns the way to the chosen object, whatever its place is now."""
    positions = gripper_m + objects[:, :3]
    moved = np.linalg.norm(positions - self._position_m, axis=1)
    self._position_m = positions[np.argmin(moved)]
    return self._position_m - gripper_m

  def _is_around(self, to_target: np.ndarray) -> bool:
    # `to_target` ends `_GRASP_HEIGHT_M` below the fingertips of a good grasp.
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


class _Goal(NamedTuple):
  """An object's place in the observation, and the yaw to hold it with."""

  place: int
  yaw_rad: float


def _choose_goal(
  objects: np.ndarray, yaw: float, *, choices: int, aligns: bool
) -> _Goal:
  """Weighs how near an object is against how crowded the fingers would be."""
  distances = np.linalg.norm(objects[:, :2], axis=1)
  best, best_cost = _Goal(0, yaw), np.inf
  for index in range(choices):
    others = np.delete(objects[:, :2], index, axis=0) - objects[index, :2]
    ideal, candidates = _yaws(objects[index], yaw, aligns)
    for candidate in candidates:
      cost = (
        _crowding(others, candidate)
        + 0.002 * abs(candidate - ideal)
        + 0.1 * (distances[index] - distances[0])
      )
      if cost < best_cost:
        best, best_cost = _Goal(index, float(candidate)), cost
  return best


def _yaws(
  thing: np.ndarray, yaw: float, aligns: bool
) -> tuple[float, np.ndarray]:
  """Returns the best yaw to hold an object with, and those that will do."""
  if not aligns:
    return yaw, np.linspace(-1.2, 1.2, 13)
  along = yaw + np.arctan2(thing[3], thing[4])
  along = (along + np.pi / 2) % np.pi - np.pi / 2  # Both ways round are one.
  around = along + np.linspace(-0.3, 0.3, 5)
  return along, np.clip(around, -np.pi / 2, np.pi / 2)


def _crowding(others: np.ndarray, yaw: float) -> float:
  """Returns how far other objects reach to where the fingers come down."""
  finger = 0.06 * np.array([np.cos(yaw), np.sin(yaw)])
  fingers = np.stack([finger, -finger])
  gaps = np.linalg.norm(others[:, None] - fingers, axis=-1)
  return float(np.sum(np.maximum(0.0, 0.06 - gaps)))


class _StateExpert:
  """An expert that looks at the state, whatever the agent observes."""

  def __init__(self, expert: GraspExpert, env: grasp_env.GraspEnv):
    self._expert = expert
    self._env = env

  def reset(self) -> None:
    self._expert.reset()

  def action(self, observation: Any) -> dict:
    del observation  # It may hold pictures alone.
    return self._expert.action(self._env.state_observation())


def make_expert(
  env: grasp_env.GraspEnv, config: ExpertConfig, rng: np.random.Generator
) -> _StateExpert:
  """Makes the expert that fits an environment's task and actions.

  Args:
    env: Where it will act, whatever its observation.
    config: How well it works.
    rng: Source of its errors.
  """
  expert = GraspExpert(
    config,
    rng,
    step_length_m=env.step_length_m,
    step_yaw_rad=env.step_yaw_rad,
    aligns=env.task.long_objects,
    choices=lambda: len(env.task.sought()),
  )
  return _StateExpert(expert, env)
