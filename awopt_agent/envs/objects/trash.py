"""Trash of several kinds, told apart by shape and colour."""

import math
from collections.abc import Callable

import numpy as np

from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import body as body_lib
from awopt_agent.envs.objects import shapes

__all__ = ['COMPOSTABLE', 'KINDS', 'make_trash']

COMPOSTABLE = frozenset({'apple', 'banana', 'bread'})


def make_trash(
  simulation: simulation_lib.Simulation, kind: str, rng: np.random.Generator
) -> body_lib.GraspObject:
  """Makes a piece of trash of a random size and shade.

  Args:
    simulation: The world.
    kind: A key of `KINDS`.
    rng: Source of chance.
  """
  parts, height_m, radius_m, rgba = KINDS[kind](rng)
  return shapes.stand(
    simulation,
    parts,
    name=kind,
    height_m=height_m,
    radius_m=radius_m,
    mass_kg=rng.uniform(0.04, 0.12),
    rgba=rgba,
  )


def _banana(rng):
  half, height = rng.uniform(0.011, 0.014), rng.uniform(0.045, 0.055)
  parts = [body_lib.box((half, 0.016, height / 2), z_m=height / 2)]
  for side in (-1, 1):
    parts.append(
      body_lib.box(
        (half * 0.85, 0.014, height * 0.45),
        position_m=(0.008, side * 0.026, height * 0.45),
        roll_pitch_yaw_rad=(0.0, 0.0, -side * 0.6),
      )
    )
  return parts, height, 0.046, shapes.random_colour(rng, (0.13, 0.16))


def _apple(rng):
  # Not lower: fingers that have to reach down to the table lose round things.
  radius, height = rng.uniform(0.018, 0.022), rng.uniform(0.045, 0.05)
  parts = [
    body_lib.cylinder(radius, height * 0.8, z_m=height * 0.4),
    body_lib.cylinder(radius * 0.75, height, z_m=height / 2),
    body_lib.cylinder(0.003, 0.012, z_m=height, rgba=(0.35, 0.2, 0.1, 1.0)),
  ]
  hues = (0.97, 1.0) if rng.random() < 0.5 else (0.27, 0.33)
  return parts, height, radius, shapes.random_colour(rng, hues)


def _bread(rng):
  half_width, half_length = rng.uniform((0.015, 0.022), (0.019, 0.030))
  height = rng.uniform(0.045, 0.05)
  parts = [body_lib.box((half_width, half_length, height / 2), z_m=height / 2)]
  shade = rng.uniform(0.8, 1.1)
  rgba = (0.72 * shade, 0.47 * shade, 0.22 * shade, 1.0)
  return parts, height, math.hypot(half_width, half_length), rgba


def _can(rng):
  radius, height = rng.uniform(0.016, 0.021), rng.uniform(0.045, 0.06)
  rim = body_lib.cylinder(
    radius * 0.9, 0.004, z_m=height - 0.002, rgba=(0.9, 0.9, 0.9, 1.0)
  )
  side = height - 0.003
  parts = [body_lib.cylinder(radius, side, z_m=side / 2), rim]
  return parts, height, radius, shapes.random_colour(rng, (0.52, 0.68))


def _bottle(rng):
  radius, height = rng.uniform(0.016, 0.019), rng.uniform(0.058, 0.065)
  neck = body_lib.cylinder(
    radius * 0.7, 0.02, z_m=height - 0.01, rgba=(0.2, 0.2, 0.8, 1.0)
  )
  parts = [
    body_lib.cylinder(radius, height - 0.02, z_m=height / 2 - 0.01),
    neck,
  ]
  shade = rng.uniform(0.75, 0.95)
  return parts, height, radius, (shade, shade, 1.0, 1.0)


def _carton(rng):
  half_width, half_length = rng.uniform((0.013, 0.016), (0.018, 0.022))
  height = rng.uniform(0.05, 0.06)
  stripe = body_lib.box(
    (half_width + 0.0005, half_length + 0.0005, 0.006),
    z_m=height / 2,
    rgba=shapes.random_colour(rng, (0.75, 0.95)),
  )
  parts = [
    body_lib.box((half_width, half_length, height / 2), z_m=height / 2),
    stripe,
  ]
  rgba = (0.93, 0.93, 0.93, 1.0)
  return parts, height, math.hypot(half_width, half_length), rgba


KINDS: dict[str, Callable] = {
  'apple': _apple,
  'banana': _banana,
  'bread': _bread,
  'bottle': _bottle,
  'can': _can,
  'carton': _carton,
}
