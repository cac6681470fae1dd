"""Random things: a core that two fingers can hold, with parts on its ends."""

import colorsys
import math

import numpy as np

from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import body as body_lib

__all__ = ['make_shape', 'random_colour', 'stand']

# The fingertips hold a thing this far below its top.
_GRASP_DEPTH_M = 0.018


def random_colour(
  rng: np.random.Generator, hues: tuple[float, float] = (0.0, 1.0)
) -> body_lib.Rgba:
  """Draws a strong colour; a hue is in [0, 1], from red round to red."""
  hue, saturation, value = rng.uniform((hues[0], 0.6, 0.5), (hues[1], 1, 1))
  return (*colorsys.hsv_to_rgb(hue, saturation, value), 1.0)


def stand(
  simulation: simulation_lib.Simulation,
  parts: list[body_lib.Part],
  *,
  name: str,
  height_m: float,
  radius_m: float,
  mass_kg: float,
  rgba: body_lib.Rgba,
) -> body_lib.GraspObject:
  """Makes a thing out of parts that stand on z = 0.

  Its origin is where `GraspObject.grasp_height_m` says.
  """
  origin_m = height_m - _GRASP_DEPTH_M - body_lib.GraspObject.grasp_height_m
  body = body_lib.make_body(
    simulation,
    [body_lib.lift(part, -origin_m) for part in parts],
    mass_kg=mass_kg,
    rgba=rgba,
  )
  return body_lib.GraspObject(body, name, radius_m, origin_m, mass_kg)


def make_shape(
  simulation: simulation_lib.Simulation, rng: np.random.Generator
) -> body_lib.GraspObject:
  """Makes a random compound of convex parts, graspable by construction.

  A core of 2 to 4 cm lies between the fingers; up to two parts lengthen it
  along y, where no finger comes, and all stand on the same ground. So it is
  stable, and fingers that close along x at the core meet nothing else.
  """
  half_width, half_length = rng.uniform((0.010, 0.013), (0.020, 0.022))
  height_m = rng.uniform(0.045, 0.06)
  if rng.random() < 0.3:
    half_length = half_width
    core = body_lib.cylinder(half_width, height_m, z_m=height_m / 2)
  else:
    half_extents = (half_width, half_length, height_m / 2)
    core = body_lib.box(half_extents, z_m=height_m / 2)
  sides = (-1, 1)[: rng.integers(3)]
  ends = [_end(rng, side * half_length, height_m) for side in sides]
  # Of the upright cylinder around the origin.
  corners = [(half_width, half_length)] + [
    (end.half_extents_m[0], abs(end.position_m[1]) + end.half_extents_m[1])
    for end in ends
  ]
  return stand(
    simulation,
    [core, *ends],
    name='shape',
    height_m=height_m,
    radius_m=max(math.hypot(*corner) for corner in corners),
    mass_kg=rng.uniform(0.04, 0.12),
    rgba=random_colour(rng),
  )


def _end(rng: np.random.Generator, y_m: float, tallest_m: float):
  """Returns a part that begins at `y_m` and leads away from the core."""
  half_width, half_length = rng.uniform((0.007, 0.006), (0.024, 0.012))
  half_height = tallest_m * rng.uniform(0.4, 1.0) / 2
  return body_lib.box(
    (half_width, half_length, half_height),
    position_m=(0.0, y_m + math.copysign(half_length, y_m), half_height),
    rgba=random_colour(rng),
  )
