"""Two worlds behind the same tasks: `sim`, and `real`, which stands in for it.

A policy that learnt in the first meets other objects, looks, friction, delays
and errors in the second. Each episode draws its conditions from ranges.
"""

import dataclasses
from typing import Any

import gin
import numpy as np

__all__ = ['WORLDS', 'Conditions', 'RealWorld', 'World']

Range = tuple[float, float]
_WOOD = (0.78, 0.70, 0.60)
# The light never comes from below.
_LEAST_LIGHT = (-np.inf, -np.inf, 0.3)


def _is_number(value: Any) -> bool:
  return isinstance(value, int | float) and 0 <= value < np.inf


def _is_range(value: Any) -> bool:
  return (
    isinstance(value, tuple | list)
    and len(value) == 2
    and all(map(_is_number, value))
    and value[0] <= value[1]
  )


def _are_colours(value: Any) -> bool:
  """Tells whether each channel has a range within [0, 1]."""
  if len(value) != 2 or {len(colour) for colour in value} != {3}:
    return False
  return all(
    _is_range(channel) and channel[1] <= 1
    for channel in zip(*value, strict=True)
  )


@dataclasses.dataclass(frozen=True)
class Conditions:
  """What holds during one episode.

  Attributes:
    friction: Of every object.
    mass_scale: Of every object's mass.
    latency_s: Time until an action reaches the arm, seconds.
    actuation_noise: Standard deviation added to each displacement and turn,
      in units of the action.
    camera_shift_m: `[2, 3]` displacement of the camera and of what it looks
      at, metres.
    light: `[3]` direction towards the light.
    image_noise: Standard deviation added to each pixel, of 255.
    table_rgb: `[3]` colour of the table, in [0, 1].
  """

  friction: float
  mass_scale: float
  latency_s: float
  actuation_noise: float
  camera_shift_m: np.ndarray
  light: np.ndarray
  image_noise: float
  table_rgb: np.ndarray


@gin.configurable(module='awopt_agent.envs')
@dataclasses.dataclass(frozen=True)
class World:
  """The world `sim`: ranges of what an episode meets; equal ends fix a value.

  Attributes:
    meshes: Whether nameless objects are meshes of `random_urdfs`, instead of
      shapes made here.
    object_seed: Chooses which objects there are.
    texture: File below `pybullet_data` for the table, or None.
    friction: See `Conditions`.
    mass_scale: See `Conditions`.
    latency_s: See `Conditions`.
    actuation_noise: See `Conditions`.
    camera_shift_m: Standard deviation of `Conditions.camera_shift_m`.
    light_spread: Standard deviation of the light's direction, each axis.
    image_noise: See `Conditions`.
    table_rgb: Darkest and lightest colour of the table.
  """

  meshes: bool = False
  object_seed: int = 0
  texture: str | None = None
  friction: Range = (1.0, 1.0)
  mass_scale: Range = (1.0, 1.0)
  latency_s: Range = (0.0, 0.0)
  actuation_noise: Range = (0.0, 0.0)
  camera_shift_m: float = 0.0
  light_spread: float = 0.0
  image_noise: Range = (0.0, 0.0)
  table_rgb: tuple[tuple[float, ...], tuple[float, ...]] = (_WOOD, _WOOD)

  def __post_init__(self):
    for field in dataclasses.fields(self):
      name, value = field.name, getattr(self, field.name)
      if field.type == Range:
        self._require(name, _is_range(value), 'a range (low, high), 0 <= low')
      elif field.type in (float, int):
        self._require(name, _is_number(value), 'a finite number >= 0')
    self._require('object_seed', isinstance(self.object_seed, int), 'an int')
    self._require('mass_scale', self.mass_scale[0] > 0, 'above 0')
    self._require(
      'table_rgb', _are_colours(self.table_rgb), 'two colours, dark and light'
    )

  def _require(self, name: str, fine: bool, what: str) -> None:
    if not fine:
      raise ValueError(
        f'{type(self).__name__}.{name} must be {what}, got '
        f'{getattr(self, name)!r}; bind another value.'
      )

  def draw(self, rng: np.random.Generator) -> Conditions:
    """Draws the conditions of an episode."""
    light = np.array([0.6, 0.5, 1.5]) + rng.normal(0, self.light_spread, 3)
    return Conditions(
      friction=rng.uniform(*self.friction),
      mass_scale=rng.uniform(*self.mass_scale),
      latency_s=rng.uniform(*self.latency_s),
      actuation_noise=rng.uniform(*self.actuation_noise),
      camera_shift_m=rng.normal(0, self.camera_shift_m, (2, 3)),
      light=np.maximum(light, _LEAST_LIGHT),
      image_noise=rng.uniform(*self.image_noise),
      table_rgb=rng.uniform(*self.table_rgb),
    )


@gin.configurable(module='awopt_agent.envs')
@dataclasses.dataclass(frozen=True)
class RealWorld(World):
  """The world `real`, which training in `sim` never sees (paper's Task 3)."""

  meshes: bool = True
  object_seed: int = 1
  texture: str | None = 'checker_blue.png'
  friction: Range = (0.6, 1.2)
  mass_scale: Range = (0.5, 2.0)
  latency_s: Range = (0.0, 0.025)
  actuation_noise: Range = (0.02, 0.08)
  camera_shift_m: float = 0.015
  light_spread: float = 0.4
  image_noise: Range = (2.0, 8.0)
  table_rgb: tuple[tuple[float, ...], tuple[float, ...]] = (
    (0.4, 0.4, 0.4),
    (1.0, 1.0, 1.0),
  )


WORLDS = {'sim': World, 'real': RealWorld}
