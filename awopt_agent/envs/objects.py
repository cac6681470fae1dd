"""Things to grasp, built from convex primitives.

`pybullet_data` has no bowl, so it is made here: a disc and a ring of boxes
that lean outwards, one rigid body.
"""

import dataclasses
import math

from awopt_agent.envs import simulation as simulation_lib

__all__ = ['GraspObject', 'make_block', 'make_bowl', 'make_can']

_FRICTION = 1.0


@dataclasses.dataclass(frozen=True)
class GraspObject:
  """A body in the scene.

  Attributes:
    body: PyBullet's body id.
    name: What it is, for people.
    radius_m: Radius of the upright cylinder around it, metres.
    rest_height_m: Height of its origin above what it stands on, metres.
  """

  body: int
  name: str
  radius_m: float
  rest_height_m: float


@dataclasses.dataclass(frozen=True)
class _Part:
  """One convex primitive of a body, in the body's frame."""

  shape: int
  position_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
  roll_pitch_yaw_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)
  half_extents_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
  radius_m: float = 0.0
  height_m: float = 0.0


def _make_body(
  simulation: simulation_lib.Simulation,
  parts: list[_Part],
  *,
  mass_kg: float,
  rgba: tuple[float, float, float, float],
) -> int:
  client = simulation.client
  common = {
    'shapeTypes': [part.shape for part in parts],
    'radii': [part.radius_m for part in parts],
    'halfExtents': [part.half_extents_m for part in parts],
  }
  positions = [part.position_m for part in parts]
  quaternions = [
    client.getQuaternionFromEuler(part.roll_pitch_yaw_rad) for part in parts
  ]
  heights = [part.height_m for part in parts]
  collision = client.createCollisionShapeArray(
    lengths=heights,
    collisionFramePositions=positions,
    collisionFrameOrientations=quaternions,
    **common,
  )
  visual = client.createVisualShapeArray(
    lengths=heights,
    visualFramePositions=positions,
    visualFrameOrientations=quaternions,
    rgbaColors=[rgba] * len(parts),
    **common,
  )
  body = client.createMultiBody(mass_kg, collision, visual)
  # No rolling or spinning friction: with it a physics step took 4.5 times
  # as long.
  client.changeDynamics(body, -1, lateralFriction=_FRICTION)
  return body


def make_bowl(
  simulation: simulation_lib.Simulation,
  *,
  rim_radius_m: float = 0.032,
  height_m: float = 0.038,
  mass_kg: float = 0.08,
  rgba=(0.10, 0.65, 0.20, 1.0),
) -> GraspObject:
  """Makes an open bowl; its origin is the middle of its foot's underside."""
  client = simulation.client
  sides, lean_rad, thickness_m = 12, 0.12, 0.005
  base_m = 0.004
  wall_m = (height_m - base_m) / math.cos(lean_rad)
  foot_radius_m = rim_radius_m - height_m * math.tan(lean_rad)
  middle_radius_m = (foot_radius_m + rim_radius_m) / 2 - thickness_m / 2
  half_width_m = rim_radius_m * math.tan(math.pi / sides)
  parts = [
    _Part(
      client.GEOM_CYLINDER,
      position_m=(0, 0, base_m / 2),
      radius_m=foot_radius_m,
      height_m=base_m,
    )
  ]
  for side in range(sides):
    angle = 2 * math.pi * side / sides
    parts.append(
      _Part(
        client.GEOM_BOX,
        position_m=(
          middle_radius_m * math.cos(angle),
          middle_radius_m * math.sin(angle),
          base_m + (height_m - base_m) / 2,
        ),
        roll_pitch_yaw_rad=(0.0, lean_rad, angle),
        half_extents_m=(thickness_m / 2, half_width_m, wall_m / 2),
      )
    )
  body = _make_body(simulation, parts, mass_kg=mass_kg, rgba=rgba)
  return GraspObject(body, 'bowl', rim_radius_m, 0.0)


def make_block(
  simulation: simulation_lib.Simulation,
  *,
  half_extents_m: tuple[float, float, float],
  mass_kg: float = 0.08,
  rgba=(0.8, 0.2, 0.2, 1.0),
) -> GraspObject:
  """Makes a box; its origin is its centre."""
  part = _Part(simulation.client.GEOM_BOX, half_extents_m=half_extents_m)
  body = _make_body(simulation, [part], mass_kg=mass_kg, rgba=rgba)
  radius_m = math.hypot(half_extents_m[0], half_extents_m[1])
  return GraspObject(body, 'block', radius_m, half_extents_m[2])


def make_can(
  simulation: simulation_lib.Simulation,
  *,
  radius_m: float,
  height_m: float,
  mass_kg: float = 0.08,
  rgba=(0.2, 0.3, 0.8, 1.0),
) -> GraspObject:
  """Makes an upright cylinder; its origin is its centre."""
  part = _Part(
    simulation.client.GEOM_CYLINDER, radius_m=radius_m, height_m=height_m
  )
  body = _make_body(simulation, [part], mass_kg=mass_kg, rgba=rgba)
  return GraspObject(body, 'can', radius_m, height_m / 2)
