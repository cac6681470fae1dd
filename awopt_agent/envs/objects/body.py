"""Rigid bodies out of convex parts."""

import dataclasses
from collections.abc import Sequence

from awopt_agent.envs import simulation as simulation_lib

__all__ = [
  'GraspObject',
  'Part',
  'Rgba',
  'box',
  'cylinder',
  'lift',
  'make_body',
]

Rgba = tuple[float, float, float, float]
Vector = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class GraspObject:
  """A body in the scene.

  Every object can be held between two fingers that come from above and close
  along the x axis of its frame.

  Attributes:
    body: PyBullet's body id.
    name: What it is, for people.
    radius_m: Radius of the upright cylinder around it, metres.
    rest_height_m: Height of its origin above what it stands on, metres.
    mass_kg: Its mass.
    grasp_height_m: Height above its origin at which the fingertips hold it
      best, metres.
    stands: Whether it stays as it is placed, on its flat underside.
  """

  body: int
  name: str
  radius_m: float
  rest_height_m: float
  mass_kg: float
  grasp_height_m: float = 0.02
  stands: bool = True


@dataclasses.dataclass(frozen=True)
class Part:
  """One convex primitive of a body, in the body's frame, metres.

  Attributes:
    half_extents_m: Of a box; None for a cylinder.
    radius_m: Of a cylinder.
    height_m: Of a cylinder.
    position_m: Of its middle.
    roll_pitch_yaw_rad: Its rotation.
    rgba: Its colour; None for the body's.
  """

  half_extents_m: Vector | None = None
  radius_m: float = 0.0
  height_m: float = 0.0
  position_m: Vector = (0.0, 0.0, 0.0)
  roll_pitch_yaw_rad: Vector = (0.0, 0.0, 0.0)
  rgba: Rgba | None = None


def box(half_extents_m: Vector, *, z_m: float = 0.0, **options) -> Part:
  """Returns a box whose middle is `z_m` above the body's origin."""
  options.setdefault('position_m', (0.0, 0.0, z_m))
  return Part(half_extents_m=half_extents_m, **options)


def cylinder(
  radius_m: float, height_m: float, *, z_m: float = 0.0, **options
) -> Part:
  """Returns an upright cylinder, `z_m` above the body's origin."""
  options.setdefault('position_m', (0.0, 0.0, z_m))
  return Part(radius_m=radius_m, height_m=height_m, **options)


def lift(part: Part, by_m: float) -> Part:
  """Returns the part, moved up."""
  x, y, z = part.position_m
  return dataclasses.replace(part, position_m=(x, y, z + by_m))


def make_body(
  simulation: simulation_lib.Simulation,
  parts: Sequence[Part],
  *,
  mass_kg: float,
  rgba: Rgba,
) -> int:
  """Makes one rigid body; a mass of 0 makes it immovable.

  Returns:
    PyBullet's body id.
  """
  client = simulation.client
  quaternions = [
    client.getQuaternionFromEuler(part.roll_pitch_yaw_rad) for part in parts
  ]
  common = {
    'shapeTypes': [
      client.GEOM_BOX if part.half_extents_m else client.GEOM_CYLINDER
      for part in parts
    ],
    'radii': [part.radius_m for part in parts],
    'halfExtents': [part.half_extents_m or (0, 0, 0) for part in parts],
    'lengths': [part.height_m for part in parts],
  }
  positions = [part.position_m for part in parts]
  collision = client.createCollisionShapeArray(
    collisionFramePositions=positions,
    collisionFrameOrientations=quaternions,
    **common,
  )
  visual = client.createVisualShapeArray(
    visualFramePositions=positions,
    visualFrameOrientations=quaternions,
    rgbaColors=[part.rgba or rgba for part in parts],
    **common,
  )
  # Friction of the sliding kind alone: with rolling and spinning friction a
  # physics step took 4.5 times as long.
  return client.createMultiBody(mass_kg, collision, visual)
