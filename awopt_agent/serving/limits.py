"""Bounds on what a policy may ask of a robot."""

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from awopt_agent.serving import parts as parts_lib

__all__ = [
  'ActionLimits',
  'Clipped',
  'Limiter',
  'ObservedPosition',
  'check_finite',
]

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class ObservedPosition:
  """Reads the gripper's position from the observation.

  Attributes:
    part: Name of the observation's part, a vector.
    indices: Where in it the coordinates stand.
    metres_per_unit: Of the coordinates.
    origin_m: Where coordinates of 0 are, metres in the axes of the workspace;
      a number for all axes, or one for each.
  """

  part: str
  indices: Sequence[int] = (0, 1, 2)
  metres_per_unit: float = 1.0
  origin_m: float | Sequence[float] = 0.0

  def __call__(self, observation: Arrays) -> np.ndarray:
    """Returns the position `[B, D]`, metres."""
    coordinates = observation[self.part][:, list(self.indices)]
    return np.asarray(self.origin_m) + self.metres_per_unit * coordinates


@dataclasses.dataclass(frozen=True)
class ActionLimits:
  """What the action spec does not say about a robot's place.

  A part of the action moves the gripper by a displacement of D axes.

  Attributes:
    part: Its name, such as 'world_vector'; `[D]` floats.
    metres_per_unit: Displacement for a 1 in it; a number for all axes, or one
      for each, negative where an axis is turned.
    greatest_step_m: Length of a displacement, at most; a longer one is
      shortened, and keeps its direction. None for no limit.
    box_m: Lowest and highest corner, `[D]` each, of where the gripper may be
      after the step; a displacement is cut at its faces, axis by axis. From
      outside it only leads back. None for no box.
    position_m: Tells where the gripper is, `[B, D]`, from the observation's
      arrays `[B, ...]` by name; a box needs it. A function of yours may ask
      the robot instead.
  """

  part: str
  metres_per_unit: float | Sequence[float] = 1.0
  greatest_step_m: float | None = None
  box_m: tuple[Sequence[float], Sequence[float]] | None = None
  position_m: ObservedPosition | Callable[[Arrays], Any] | None = None

  def __post_init__(self):
    scale = np.asarray(self.metres_per_unit, float)
    if not np.all(np.isfinite(scale) & (scale != 0)):
      raise ValueError(
        'ActionLimits.metres_per_unit must be finite and not 0, got '
        f'{self.metres_per_unit}.'
      )
    if self.greatest_step_m is not None and not self.greatest_step_m > 0:
      raise ValueError(
        f'ActionLimits.greatest_step_m must be > 0, got {self.greatest_step_m}'
        '; pass None for no limit.'
      )
    if self.box_m is None:
      return
    low, high = (np.asarray(corner, float) for corner in self.box_m)
    if low.shape != high.shape or not np.all(low < high):
      raise ValueError(
        'ActionLimits.box_m must be its lowest and its highest corner, got '
        f'{self.box_m}.'
      )
    if self.position_m is None:
      raise ValueError(
        'ActionLimits.box_m needs position_m, which tells where the gripper '
        'is: pass an ObservedPosition, or a function.'
      )


class Clipped(NamedTuple):
  """How many actions were changed, by what changed them.

  Attributes:
    actions: All that were chosen.
    spec: Those outside the action spec's bounds.
    box: Those that led out of the box.
    step: Those that were too long.
  """

  actions: int = 0
  spec: int = 0
  box: int = 0
  step: int = 0


def check_finite(outputs: Arrays) -> None:
  """Checks a policy's answer: no action is better than one that is none.

  Raises:
    FloatingPointError: If an output is not finite.
  """
  for name, value in outputs.items():
    if value.dtype.kind == 'f' and not np.all(np.isfinite(value)):
      raise FloatingPointError(
        f'the policy answers {name!r} that is not finite; stop the robot, and '
        'serve another version.'
      )


class Limiter:
  """Bounds actions; safe to use from several threads."""

  def __init__(
    self,
    observation: Sequence[parts_lib.Part],
    action: Sequence[parts_lib.Part],
    limits: ActionLimits | None = None,
  ):
    """Binds limits to specs.

    Args:
      observation: Parts of the observation.
      action: Parts of the action.
      limits: Beside the spec's own bounds.

    Raises:
      ValueError: If the limits do not fit the specs.
    """
    self._parts = tuple(action)
    self._limits = limits
    self._lock = threading.Lock()
    self._counts = Clipped()
    if limits is not None:
      _check(limits, observation, action)
      part = next(part for part in action if part.name == limits.part)
      # A bare spec's position comes back in its type.
      self._dtype = np.dtype(part.dtype)

  @property
  def counts(self) -> Clipped:
    """How many actions were changed so far."""
    return self._counts

  def limit(self, observation: Arrays, outputs: Arrays) -> dict[str, Any]:
    """Bounds the actions among a signature's outputs.

    Args:
      observation: What was observed, `[B, ...]` by name.
      outputs: `[B, ...]` by name; other parts than the action's are left.

    Returns:
      The outputs, bounded.

    Raises:
      ValueError: If the position is not finite, or of another shape.
    """
    outputs = dict(outputs)
    rows = len(outputs[self._parts[0].name])
    found = {'spec': self._limit_to_spec(outputs, rows)}
    if self._limits is not None:
      found |= self._limit_motion(observation, outputs)
      # The way back into the box is as short as any other.
      self._limit_to_spec(outputs, rows)
    self._count(rows, found)
    return outputs

  def _limit_to_spec(self, outputs: dict[str, Any], rows: int) -> np.ndarray:
    """Clips in place; returns which rows were changed."""
    changed = np.zeros(rows, bool)
    for part in self._parts:
      value = outputs[part.name]
      low, high = (
        None if bound is None else np.broadcast_to(bound, value.shape)
        for bound in (part.minimum, part.maximum)
      )
      if low is None and high is None:
        continue
      clipped = np.clip(value, low, high)
      if not np.array_equal(clipped, value):
        changed |= np.any((clipped != value).reshape(rows, -1), axis=1)
        outputs[part.name] = clipped
    return changed

  def _limit_motion(
    self, observation: Arrays, outputs: dict[str, Any]
  ) -> dict[str, np.ndarray]:
    """Bounds the displacement in place; returns which rows were changed."""
    limits = self._limits
    assert limits is not None
    scale = np.asarray(limits.metres_per_unit, np.float64)
    before = outputs[limits.part]
    step_m = scale * before.astype(np.float64)
    found = {}
    if limits.box_m is not None:
      step_m, found['box'] = _cut(step_m, limits, observation)
    if limits.greatest_step_m is not None:
      step_m, found['step'] = _shorten(step_m, limits.greatest_step_m)
    changed = np.any(list(found.values()), axis=0) if found else np.False_
    # Untouched rows stay as they are, to the last digit.
    outputs[limits.part] = np.where(
      np.reshape(changed, (-1, 1)), step_m / scale, before
    ).astype(self._dtype)
    return found

  def _count(self, rows: int, found: Mapping[str, np.ndarray]) -> None:
    with self._lock:
      counts = self._counts
      self._counts = counts._replace(
        actions=counts.actions + rows,
        **{
          name: getattr(counts, name) + int(np.sum(changed))
          for name, changed in found.items()
        },
      )


def _check(
  limits: ActionLimits,
  observation: Sequence[parts_lib.Part],
  action: Sequence[parts_lib.Part],
) -> None:
  parts = {part.name: part for part in action}
  part = parts.get(limits.part)
  if part is None or len(part.shape) != 1 or np.dtype(part.dtype).kind != 'f':
    raise ValueError(
      f'ActionLimits.part is {limits.part!r}; choose a part of the action that '
      f'is a vector of floats, of {", ".join(parts)}.'
    )
  size = part.shape[0]
  widths = {'metres_per_unit': np.asarray(limits.metres_per_unit)}
  if limits.box_m is not None:
    widths['box_m'] = np.asarray(limits.box_m[0])
  for name, value in widths.items():
    if value.shape not in ((), (size,)):
      raise ValueError(
        f'ActionLimits.{name} has {len(value)} axes, but {limits.part!r} has '
        f'{size}; pass one number for each.'
      )
  if isinstance(limits.position_m, ObservedPosition):
    _check_position(limits.position_m, observation, size)


def _check_position(
  position: ObservedPosition, observation: Sequence[parts_lib.Part], size: int
) -> None:
  parts = {part.name: part for part in observation}
  part = parts.get(position.part)
  if part is None or len(part.shape) != 1:
    raise ValueError(
      f'ObservedPosition.part is {position.part!r}; choose a part of the '
      f'observation that is a vector, of {", ".join(parts)}, or pass a '
      'function.'
    )
  known = range(part.shape[0])
  if len(position.indices) != size or not set(position.indices) <= set(known):
    raise ValueError(
      f'ObservedPosition.indices is {tuple(position.indices)}; pass {size} '
      f'indices into {position.part!r}, which has {part.shape[0]}.'
    )


def _cut(
  step_m: np.ndarray, limits: ActionLimits, observation: Arrays
) -> tuple[np.ndarray, np.ndarray]:
  """Returns displacements `[B, D]` that end in the box, and which changed."""
  assert limits.box_m is not None and callable(limits.position_m)
  position_m = np.asarray(limits.position_m(observation), np.float64)
  if position_m.shape != step_m.shape or not np.all(np.isfinite(position_m)):
    raise ValueError(
      f'ActionLimits.position_m gives {position_m.tolist()}; it must give '
      f'finite metres {list(step_m.shape)}.'
    )
  after_m = position_m + step_m
  inside_m = np.clip(after_m, *np.asarray(limits.box_m, np.float64))
  changed = np.any(inside_m != after_m, axis=1)
  return np.where(changed[:, None], inside_m - position_m, step_m), changed


def _shorten(
  step_m: np.ndarray, greatest_m: float
) -> tuple[np.ndarray, np.ndarray]:
  """Returns displacements `[B, D]` no longer than that, and which changed."""
  length_m = np.linalg.norm(step_m, axis=1, keepdims=True)
  changed = length_m > greatest_m * (1 + 1e-6)
  shorter = step_m * (greatest_m / np.where(changed, length_m, 1))
  return np.where(changed, shorter, step_m), changed[:, 0]
