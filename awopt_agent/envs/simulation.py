"""The one PyBullet client of an environment: time, contacts and cameras.

Every other module of `envs/` reaches physics through a `Simulation`, so the
engine's settings, and the traps they avoid, stand in this file alone.
"""

import contextlib
import ctypes
import dataclasses
import os
import sys

import numpy as np

__all__ = ['Camera', 'Simulation', 'quiet_terminal']


# Two bodies touch when they are nearer than this, metres.
_TOUCH_M = 0.001
# A box larger than this is that of a plane.
_ENDLESS_M = 100.0


def _flush() -> None:
  sys.stdout.flush()
  sys.stderr.flush()
  # C has a buffer of its own where stdout is a pipe or a file.
  ctypes.CDLL(None).fflush(None)


@contextlib.contextmanager
def quiet_terminal():
  """Hides what a C library prints on file descriptors 1 and 2."""
  _flush()
  saved = [os.dup(1), os.dup(2)]
  null = os.open(os.devnull, os.O_WRONLY)
  try:
    os.dup2(null, 1)
    os.dup2(null, 2)
    yield
  finally:
    _flush()
    os.dup2(saved[0], 1)
    os.dup2(saved[1], 2)
    for descriptor in (*saved, null):
      os.close(descriptor)


with quiet_terminal():  # PyBullet prints its build time when imported.
  import pybullet
  import pybullet_data
  from pybullet_utils import bullet_client


@dataclasses.dataclass(frozen=True)
class Camera:
  """A pinhole camera.

  Attributes:
    eye_m: Position `[3]`, metres.
    target_m: Point `[3]` in the middle of the picture, metres.
    width: Picture width, pixels.
    height: Picture height, pixels.
    field_of_view_deg: Vertical field of view, degrees.
    shadow: Whether things throw shadows, which takes twice as long.
    light: Direction `[3]` towards the light.
  """

  eye_m: tuple[float, float, float] = (1.25, 0.55, 0.60)
  target_m: tuple[float, float, float] = (0.53, 0.0, 0.16)
  width: int = 320
  height: int = 240
  field_of_view_deg: float = 42.0
  shadow: bool = True
  light: tuple[float, float, float] = (0.6, 0.5, 1.5)


class Simulation:
  """A private PyBullet world with repeatable physics.

  Equal calls in equal order, from the constructor on, give equal states, bit
  for bit. What came before `reset_to` can show in the last bits of the steps
  after it, in one episode of ten or so, and grow where things collide: the
  engine keeps its lists of neighbours in an order of their own. Taking the
  table out of them meanwhile halved this, and changed the physics.
  """

  physics_hz = 240

  def __init__(self, *, solver_iterations: int = 20):
    with quiet_terminal():  # It prints its empty command line.
      self.client = bullet_client.BulletClient(pybullet.DIRECT)
    self.client.setAdditionalSearchPath(pybullet_data.getDataPath())
    self.client.setTimeStep(1.0 / self.physics_hz)
    self.client.setGravity(0, 0, -9.81)
    # Without deterministic pairs an episode depends on the one before it,
    # even after a restored state. The share of an overlap that a step mends
    # (.2 by default): an arm pressed things 4 cm into the table, now 1.5 cm.
    self.client.setPhysicsEngineParameter(
      numSolverIterations=solver_iterations,
      deterministicOverlappingPairs=1,
      contactERP=0.8,
    )

  def step(self, count: int) -> None:
    """Advances time by `count` steps of 1/240 s."""
    for _ in range(count):
      self.client.stepSimulation()

  def save(self) -> int:
    """Keeps the present state of all bodies in memory; returns its id."""
    return self.client.saveState()

  def reset_to(self, state_id: int) -> None:
    """Goes back to a state that `save` returned."""
    # A restored state keeps contacts that lasted until now, with the impulses
    # that the solver starts from; most of them end while bodies are apart.
    # Nobody looks at a sleeper's contacts, and it wakes a step later.
    for index, body in enumerate(self._bodies()):
      self._activate(body, self.client.ACTIVATION_STATE_WAKE_UP)
      self.client.resetBasePositionAndOrientation(
        body, (9.0 * index, 0, 9), (0, 0, 0, 1)
      )
    self.step(2)
    self.client.restoreState(state_id)

  def pose(self, body: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns a body's position `[3]` (m) and quaternion `[4]` (xyzw)."""
    position, quaternion = self.client.getBasePositionAndOrientation(body)
    return np.array(position), np.array(quaternion)

  def place(self, body: int, position_m, yaw_rad: float = 0.0) -> None:
    """Puts a body, upright and at rest, but awake."""
    quaternion = self.client.getQuaternionFromEuler((0, 0, yaw_rad))
    self.client.resetBasePositionAndOrientation(
      body, list(position_m), quaternion
    )
    self.client.resetBaseVelocity(body, (0, 0, 0), (0, 0, 0))
    # Neither a moved nor a restored body forgets whether it slept.
    self._activate(body, self.client.ACTIVATION_STATE_WAKE_UP)

  def let_sleep(self, body: int) -> None:
    """Lets a body fall asleep when it lies still for two seconds."""
    self._activate(body, self.client.ACTIVATION_STATE_ENABLE_SLEEPING)

  def sleep(self, body: int) -> None:
    """Leaves a body as it is until something touches it; it costs no time."""
    self._activate(body, self.client.ACTIVATION_STATE_SLEEP)

  def _activate(self, body: int, state: int) -> None:
    self.client.changeDynamics(body, -1, activationState=state)

  def speed(self, body: int) -> float:
    """Returns a body's linear speed, m/s."""
    return float(np.linalg.norm(self.client.getBaseVelocity(body)[0]))

  def lowest_m(self, body: int) -> float:
    """Returns the height of a body's lowest point, metres."""
    return self.client.getAABB(body)[0][2]

  def body_around(self, point_m) -> str | None:
    """Names what surrounds a point; a body counts as the box around it."""
    if point_m[2] <= 0:
      return 'the table'
    self.client.performCollisionDetection()  # It updates the boxes.
    for body in self._bodies():
      for link in range(-1, self.client.getNumJoints(body)):
        low, high = np.array(self.client.getAABB(body, link))
        wide = np.any(high - low > _ENDLESS_M)
        if not wide and np.all(point_m > low) and np.all(point_m < high):
          name = self.client.getBodyInfo(body)[1].decode()
          return f'the robot {name!r}' if name else f'body {body}'
    return None

  def _bodies(self) -> list[int]:
    count = self.client.getNumBodies()
    return [self.client.getBodyUniqueId(index) for index in range(count)]

  def touching_links(self, robot: int, body: int) -> set[int]:
    """Returns the links of `robot` that touched `body` in the last step."""
    contacts = self.client.getContactPoints(robot, body)
    # Pairs within the engine's margin are listed too.
    return {contact[3] for contact in contacts if contact[8] <= _TOUCH_M}

  def paint(self, body: int, rgb) -> None:
    """Gives a body a colour, `[3]` in [0, 1]."""
    self.client.changeVisualShape(body, -1, rgbaColor=(*rgb, 1.0))

  def render(self, camera: Camera) -> np.ndarray:
    """Returns a picture, uint8 `[height, width, 3]`."""
    view = self.client.computeViewMatrix(
      camera.eye_m, camera.target_m, (0, 0, 1)
    )
    projection = self.client.computeProjectionMatrixFOV(
      camera.field_of_view_deg, camera.width / camera.height, 0.05, 4.0
    )
    _, _, rgba, _, _ = self.client.getCameraImage(
      camera.width,
      camera.height,
      view,
      projection,
      lightDirection=camera.light,
      shadow=int(camera.shadow),
      flags=pybullet.ER_NO_SEGMENTATION_MASK,
      renderer=pybullet.ER_TINY_RENDERER,
    )
    pixels = np.asarray(rgba, np.uint8)
    return pixels.reshape(camera.height, camera.width, 4)[..., :3].copy()

  def close(self) -> None:
    """Ends the client. Calling it again does nothing."""
    if self.client is not None:
      self.client.disconnect()
      self.client = None
