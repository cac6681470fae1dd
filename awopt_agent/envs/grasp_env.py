"""The grasping tasks as a TF-Agents environment."""

from collections.abc import Callable
from typing import Any

import gin
import numpy as np
from tf_agents.environments import py_environment
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

from awopt_agent.envs import robot as robot_lib
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs import tasks

__all__ = ['GraspEnv', 'action_spec']

# Farther objects are reported at this distance, metres.
_HORIZON_M = 0.5
_CLOSE = 1
# Time for the fingers to open or close: .15 s of physics at 240 Hz.
_FINGER_SUBSTEPS = 36


def action_spec() -> dict[str, array_spec.BoundedArraySpec]:
  """Returns the action spec of every grasping task.

  Fixed from the first recording on: a change breaks data and exports.
  Source: QT-Opt (arXiv:1806.10293) section 5, with a scalar yaw.
  """

  def continuous(size, name):
    return array_spec.BoundedArraySpec((size,), np.float32, -1.0, 1.0, name)

  def binary(name):
    return array_spec.BoundedArraySpec((), np.int32, 0, 1, name)

  return {
    'world_vector': continuous(3, 'world_vector'),
    'yaw': continuous(1, 'yaw'),
    'gripper': binary('gripper'),
    'terminate': binary('terminate'),
  }


@gin.configurable(denylist=['seed'])
class GraspEnv(py_environment.PyEnvironment):
  """A robot arm that grasps, with a sparse reward at the end.

  An action moves the gripper by a displacement inside the workspace, or opens
  or closes it (the arm waits meanwhile), or ends the episode. The reward is 1
  on the last step of an episode in which the task was done when it ended,
  else 0. The step limit is terminal, as the paper's horizon T, and the
  observation says how much of it is left.

  Observation `state`, a dict of float32:
    gripper `[6]`: position (m, from the workspace's middle), sine and cosine
      of its yaw, aperture in [0, 1];
    objects `[N, 6]`: position from the fingertips (m, world axes), sine and
      cosine of yaw from the gripper's, cosine of tilt; the sought one first;
    steps_left `[1]`: share of the steps that are left.

  The episode is a function of `seed`, the number of episodes begun before it,
  and the actions.
  """

  def __init__(
    self,
    task: Callable[[simulation_lib.Simulation], tasks.Task] = tasks.GreenBowl,
    *,
    seed: int = 0,
    max_steps: int = 12,
    step_length_m: float = 0.05,
    step_yaw_rad: float = 0.4,
    control_hz: int = 16,
    workspace: robot_lib.Workspace | None = None,
  ):
    """Builds the world.

    Args:
      task: Makes the task in a simulation.
      seed: Chooses the episodes.
      max_steps: Actions an episode, at most.
      step_length_m: Displacement along an axis for an action of 1, metres.
      step_yaw_rad: Turn for an action of 1, radians.
      control_hz: Actions a second of simulated time; divides 240.
      workspace: Where the gripper may go.

    Raises:
      ValueError: If `control_hz` does not divide the physics rate.
    """
    super().__init__(handle_auto_reset=True)
    physics_hz = simulation_lib.Simulation.physics_hz
    if physics_hz % control_hz:
      raise ValueError(
        f'control_hz must divide {physics_hz}, got {control_hz}; '
        'bind GraspEnv.control_hz to 10, 16 or 20.'
      )
    self._substeps = physics_hz // control_hz
    self._seed = seed
    self._episodes_begun = 0
    self._max_steps = max_steps
    self._step_length_m = step_length_m
    self._step_yaw_rad = step_yaw_rad
    self._workspace = workspace or robot_lib.Workspace()
    self._simulation = simulation_lib.Simulation()
    self._task = task(self._simulation)
    self._robot = robot_lib.KukaArm(self._simulation, self._workspace)
    self._fresh = self._simulation.save()
    self._steps = 0
    self._closed = False
    self._action_spec = action_spec()
    self._observation_spec = self._make_observation_spec()

  def action_spec(self):
    return self._action_spec

  def observation_spec(self):
    return self._observation_spec

  def get_state(self) -> dict[str, int]:
    """Returns what decides the episodes to come: seed and episodes begun."""
    return {'seed': self._seed, 'episodes_begun': self._episodes_begun}

  def set_state(self, state: dict[str, int]) -> None:
    """Makes the next `reset` begin the episode that `state` implies."""
    self._seed = state['seed']
    self._episodes_begun = state['episodes_begun']

  def seed(self, seed: int) -> None:
    """Starts the sequence of episodes that belongs to `seed`."""
    self.set_state({'seed': seed, 'episodes_begun': 0})

  def success(self) -> bool:
    """Tells whether the task is done now."""
    return self._task.success(self._robot.state())

  def render(self, mode: str = 'rgb_array', camera=None) -> np.ndarray:
    """Returns a picture of the scene, uint8 `[height, width, 3]`."""
    if mode != 'rgb_array':
      raise ValueError(f"render mode must be 'rgb_array', got {mode!r}.")
    return self._simulation.render(camera or simulation_lib.Camera())

  def close(self) -> None:
    self._simulation.close()

  def _reset(self) -> ts.TimeStep:
    rng = np.random.default_rng([self._seed, self._episodes_begun])
    self._episodes_begun += 1
    self._steps = 0
    self._closed = False
    self._simulation.reset_to(self._fresh)
    self._task.reset(rng)
    self._robot.home(self._start_position(rng), rng.uniform(-0.4, 0.4))
    self._simulation.step(self._substeps)
    return ts.restart(self._observe())

  def _step(self, action: Any) -> ts.TimeStep:
    self._check(action)
    self._steps += 1
    terminate = bool(action['terminate'])
    if not terminate:
      self._move(action)
    if terminate or self._steps >= self._max_steps:
      return ts.termination(self._observe(), np.float32(self.success()))
    return ts.transition(self._observe(), np.float32(0))

  def _check(self, action) -> None:
    for name, spec in self._action_spec.items():
      value = np.asarray(action[name])
      if value.shape != spec.shape or not (
        np.all(value >= spec.minimum) and np.all(value <= spec.maximum)
      ):
        raise ValueError(
          f'action {name!r} must have shape {spec.shape} and lie in '
          f'[{spec.minimum}, {spec.maximum}], got {value}.'
        )

  def _move(self, action) -> None:
    closed = int(action['gripper']) == _CLOSE
    if closed != self._closed:
      # As on the robot: the arm waits until the fingers have moved.
      self._closed = closed
      self._robot.command(np.zeros(3), 0.0, closed)
      self._simulation.step(_FINGER_SUBSTEPS)
      return
    self._robot.command(
      np.asarray(action['world_vector'], float) * self._step_length_m,
      float(action['yaw'][0]) * self._step_yaw_rad,
      closed,
    )
    self._simulation.step(self._substeps)

  def _start_position(self, rng: np.random.Generator) -> np.ndarray:
    low, high = self._workspace.low_m, self._workspace.high_m
    center = self._workspace.center_m
    x, y = rng.uniform(-0.05, 0.05, 2)
    return np.array(
      [center[0] + x, center[1] + y, low[2] + 0.45 * (high[2] - low[2])]
    )

  def _observe(self) -> dict[str, np.ndarray]:
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
          self._observe_object(thing.body, gripper)
          for thing in self._task.objects
        ]
      ),
      'steps_left': np.array([1 - self._steps / self._max_steps], np.float32),
    }
    return {
      name: np.clip(value, spec.minimum, spec.maximum)
      for (name, value), spec in zip(
        observation.items(), self._observation_spec.values(), strict=True
      )
    }

  def _observe_object(self, body: int, gripper: robot_lib.GripperState):
    position, (x, y, z, w) = self._simulation.pose(body)
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

  def _make_observation_spec(self):
    position = [_HORIZON_M] * 3
    objects = np.tile([*position, 1, 1, 1], (len(self._task.objects), 1))

    def bounded(low, high, name):
      low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
      return array_spec.BoundedArraySpec(
        high.shape, np.float32, low, high, name
      )

    return {
      'gripper': bounded(
        [*np.negative(position), -1, -1, 0], [*position, 1, 1, 1], 'gripper'
      ),
      'objects': bounded(-objects, objects, 'objects'),
      'steps_left': bounded([0], [1], 'steps_left'),
    }
