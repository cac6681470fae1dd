"""What an agent observes: poses, pictures, or both."""

import dataclasses
from typing import Any, Protocol

import gin
import numpy as np
from tf_agents.specs import array_spec

from awopt_agent.envs import robots, tasks, world
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs.robots import silhouette

__all__ = [
  'OBSERVATIONS',
  'ImageSensor',
  'Sensor',
  'StateSensor',
  'bounded',
]

# Farther objects are reported at this distance, metres.
_HORIZON_M = 0.5
# Positions of objects refer to this far below where to grasp them, metres.
_GRASP_CLEARANCE_M = 0.02
_MIN_PIXELS, _MAX_PIXELS = 48, 472


class Sensor(Protocol):
  """A part of the observation."""

  def spec(self) -> dict[str, Any]:
    """Returns the specs of what `read` returns."""

  def reset(self, conditions: world.Conditions, seed: Any) -> None:
    """Begins an episode."""

  def read(self) -> dict[str, np.ndarray]:
    """Observes the present state."""


def bounded(low, high, name: str, dtype=np.float32):
  """Returns the spec of an array between two others."""
  low, high = np.asarray(low, dtype), np.asarray(high, dtype)
  return array_spec.BoundedArraySpec(high.shape, dtype, low, high, name)


class StateSensor:
  """Poses of the gripper and of the objects.

  Observation, float32:
    gripper `[6]`: position (m, from the workspace's middle), sine and cosine
      of its yaw, aperture in [0, 1];
    objects `[N, 6]`: position from the fingertips (m, world axes) of the
      point 2 cm below where to grasp the object, sine and cosine of yaw from
      the gripper's, cosine of tilt; in the order of `Task.ordered`.
  """

  def __init__(
    self,
    simulation: simulation_lib.Simulation,
    robot: robots.Robot,
    workspace: robots.Workspace,
    task: tasks.Task,
  ):
    """Keeps what it observes."""
    self._simulation = simulation
    self._robot = robot
    self._task = task
    self._workspace = workspace
    position = [_HORIZON_M] * 3
    objects = np.tile([*position, 1, 1, 1], (self._task.count, 1))
    self._spec = {
      'gripper': bounded(
        [*np.negative(position), -1, -1, 0], [*position, 1, 1, 1], 'gripper'
      ),
      'objects': bounded(-objects, objects, 'objects'),
    }

  def spec(self):
    return dict(self._spec)

  def reset(self, conditions, seed):
    del conditions, seed  # Poses are exact in every world.

  def read(self):
    gripper = self._robot.state()
    observation = {
      'gripper': np.array(
        [
          *(gripper.position_m - self._workspace.center_m),
          np.sin(gripper.yaw_rad),
          np.cos(gripper.yaw_rad),
          gripper.aperture,
        ],
        np.float32,
      ),
      'objects': np.stack(
        [
          self._observe_object(thing, gripper)
          for thing in self._task.ordered(gripper.position_m)
        ]
      ),
    }
    return {
      name: np.clip(observation[name], part.minimum, part.maximum)
      for name, part in self._spec.items()
    }

  def _observe_object(self, thing, gripper: robots.GripperState):
    position, (x, y, z, w) = self._simulation.pose(thing.body)
    position[2] += thing.grasp_height_m - _GRASP_CLEARANCE_M
    yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    relative_yaw = yaw - gripper.yaw_rad
    return np.array(
      [
        *(position - gripper.position_m),
        np.sin(relative_yaw),
        np.cos(relative_yaw),
        1 - 2 * (x * x + y * y),
      ],
      np.float32,
    )


@gin.configurable(
  module='awopt_agent.envs',
  denylist=['simulation', 'robot'],
)
class ImageSensor:
  """A camera that looks over the robot's shoulder, and the gripper's status.

  Observation:
    image `[pixels, pixels, 3]` uint8;
    gripper_status `[2]` float32: aperture in [0, 1], and height of the
      fingertips above the table, metres.

  Source: QT-Opt (arXiv:1806.10293) section 5.
  """

  def __init__(
    self,
    simulation: simulation_lib.Simulation,
    robot: robots.Robot,
    *,
    pixels: int = 64,
    eye_m: tuple[float, float, float] = (0.30, 0.62, 0.66),
    target_m: tuple[float, float, float] = (0.57, 0.0, 0.04),
    field_of_view_deg: float = 40.0,
    shadow: bool = False,
  ):
    """Sets up the camera.

    Args:
      simulation: The world.
      robot: The robot, drawn as boxes.
      pixels: Width and height of a picture.
      eye_m: Where the camera is, metres.
      target_m: What it looks at, metres.
      field_of_view_deg: Its vertical field of view, degrees.
      shadow: Whether things throw shadows, which takes twice as long.

    Raises:
      ValueError: If the camera is inside something, or sees nothing.
    """
    if not isinstance(pixels, int) or not _MIN_PIXELS <= pixels <= _MAX_PIXELS:
      raise ValueError(
        f'ImageSensor.pixels must lie in [{_MIN_PIXELS}, {_MAX_PIXELS}], got '
        f'{pixels}; choose such an int.'
      )
    if not 0 < field_of_view_deg < 180:
      raise ValueError(
        'ImageSensor.field_of_view_deg must lie between 0 and 180, got '
        f'{field_of_view_deg}.'
      )
    for name, point in {'eye_m': eye_m, 'target_m': target_m}.items():
      if np.shape(point) != (3,) or not np.all(np.isfinite(point)):
        raise ValueError(
          f'ImageSensor.{name} must be three finite numbers, got {point}.'
        )
    self._simulation = simulation
    self._robot = robot
    self._camera = simulation_lib.Camera(
      eye_m=eye_m,
      target_m=target_m,
      width=pixels,
      height=pixels,
      field_of_view_deg=field_of_view_deg,
      shadow=shadow,
    )
    self._check_camera()
    self._shape = silhouette.Silhouette(simulation, robot.body)

  def spec(self):
    shape = (self._camera.height, self._camera.width, 3)
    return {
      'image': array_spec.BoundedArraySpec(shape, np.uint8, 0, 255, 'image'),
      'gripper_status': bounded([0, 0], [1, 1], 'gripper_status'),
    }

  def reset(self, conditions, seed):
    shift = conditions.camera_shift_m
    self._view = dataclasses.replace(
      self._camera,
      eye_m=tuple(self._camera.eye_m + shift[0]),
      target_m=tuple(self._camera.target_m + shift[1]),
      light=tuple(conditions.light),
    )
    self._noise = conditions.image_noise
    self._rng = np.random.default_rng(seed)

  def read(self):
    self._shape.show()
    image = self._simulation.render(self._view)
    if self._noise:
      noise = self._rng.normal(0, self._noise, image.shape)
      image = np.clip(image + noise, 0, 255).astype(np.uint8)
    gripper = self._robot.state()
    height = np.clip(gripper.position_m[2], 0, 1)
    return {
      'image': image,
      'gripper_status': np.array([gripper.aperture, height], np.float32),
    }

  def restore_looks(self) -> None:
    """Draws the robot's meshes again, until the next `read`."""
    self._shape.hide()

  def _check_camera(self) -> None:
    camera = self._camera
    if np.allclose(camera.eye_m, camera.target_m):
      raise ValueError(
        'ImageSensor.eye_m and target_m are the same point '
        f'{camera.eye_m}; move one.'
      )
    around = self._simulation.body_around(camera.eye_m)
    if around is not None:
      raise ValueError(
        f'the camera at ImageSensor.eye_m = {camera.eye_m} is inside '
        f'{around}; move it.'
      )
    if np.ptp(self._simulation.render(camera)) == 0:
      raise ValueError(
        f'the camera at ImageSensor.eye_m = {camera.eye_m} sees nothing of '
        f'what is around {camera.target_m}: it is too far, or straight above; '
        'move it.'
      )


OBSERVATIONS = ('state', 'image', 'both')
