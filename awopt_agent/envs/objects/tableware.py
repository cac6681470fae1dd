"""Things on a table: a bowl, blocks and cans.

`pybullet_data` has no bowl, so it is made here: a disc and a ring of boxes
that lean outwards.
"""

import math

from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.objects import body as body_lib

__all__ = ['make_block', 'make_bowl', 'make_can']

_MASS_KG = 0.08


def make_bowl(
  simulation: simulation_lib.Simulation,
  *,
  rim_radius_m: float = 0.032,
  height_m: float = 0.038,
  rgba: body_lib.Rgba = (0.10, 0.65, 0.20, 1.0),
) -> body_lib.GraspObject:
  """Makes an open bowl; its origin is the middle of its foot's underside."""
  sides, lean_rad, thickness_m = 12, 0.12, 0.005
  base_m = 0.004
  wall_m = (height_m - base_m) / math.cos(lean_rad)
  foot_radius_m = rim_radius_m - height_m * math.tan(lean_rad)
  middle_radius_m = (foot_radius_m + rim_radius_m) / 2 - thickness_m / 2
  half_width_m = rim_radius_m * math.tan(math.pi / sides)
  parts = [body_lib.cylinder(foot_radius_m, base_m, z_m=base_m / 2)]
  for side in range(sides):
    angle = 2 * math.pi * side / sides
    parts.append(
      body_lib.box(
        (thickness_m / 2, half_width_m, wall_m / 2),
        position_m=(
          middle_radius_m * math.cos(angle),
          middle_radius_m * math.sin(angle),
          base_m + (height_m - base_m) / 2,
        ),
        roll_pitch_yaw_rad=(0.0, lean_rad, angle),
      )
    )
  body = body_lib.make_body(simulation, parts, mass_kg=_MASS_KG, rgba=rgba)
  return body_lib.GraspObject(body, 'bowl', rim_radius_m, 0.0, _MASS_KG)


def make_block(
  simulation: simulation_lib.Simulation,
  *,
  half_extents_m: tuple[float, float, float],
  rgba: body_lib.Rgba = (0.8, 0.2, 0.2, 1.0),
) -> body_lib.GraspObject:
  """Makes a box; its origin is its centre."""
  parts = [body_lib.box(half_extents_m)]
  body = body_lib.make_body(simulation, parts, mass_kg=_MASS_KG, rgba=rgba)
  radius_m = math.hypot(half_extents_m[0], half_extents_m[1])
  return body_lib.GraspObject(
    body, 'block', radius_m, half_extents_m[2], _MASS_KG
  )


def make_can(
  simulation: simulation_lib.Simulation,
  *,
  radius_m: float,
  height_m: float,
  rgba: body_lib.Rgba = (0.2, 0.3, 0.8, 1.0),
) -> body_lib.GraspObject:
  """Makes an upright cylinder; its origin is its centre."""
  parts = [body_lib.cylinder(radius_m, height_m)]
  body = body_lib.make_body(simulation, parts, mass_kg=_MASS_KG, rgba=rgba)
  return body_lib.GraspObject(body, 'can', radius_m, height_m / 2, _MASS_KG)
