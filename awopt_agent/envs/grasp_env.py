"""The grasping tasks as a TF-Agents environment."""

from collections.abc import Callable
from typing import Any

import gin
import numpy as np
from tf_agents.environments import py_environment
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

from awopt_agent.envs import episode_sequence, robots, scenes, sensors, tasks
from awopt_agent.envs import simulation as simulation_lib
from awopt_agent.envs import world as world_lib

__all__ = ['GraspEnv', 'action_spec']

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
class GraspEnv(episode_sequence.EpisodeSequence, py_environment.PyEnvironment):
  """A robot arm that grasps, with a sparse reward at the end.

  An action moves the gripper by a displacement inside the workspace, or opens
  or closes it (the arm waits meanwhile), or ends the episode. The reward is 1
  on the last step of an episode in which the task was done when it ended,
  else 0. The step limit is terminal, as the paper's horizon T, and the
  observation says how much of it is left.

  The observation holds what the sensors read, and
    steps_left `[1]`: float32, share of the steps that are left.

  Attributes:
    task: The task.
    step_length_m: Displacement along an axis for an action of 1, metres.
    step_yaw_rad: Turn for an action of 1, radians.
    workspace: Where the gripper may go.

  The episode is a function of `seed`, the number of episodes begun before it,
  its world and the actions: bit for bit where what was played before was the
  same, and else up to rounding, see `Simulation`.
  """

  def __init__(
    self,
    task: Callable[..., tasks.Task] = tasks.GreenBowl,
    *,
    robot: Callable[..., robots.Robot] = robots.Kuka,
    where: world_lib.World | None = None,
    observation: str = 'state',
    seed: int = 0,
    max_steps: int = 12,
    step_length_m: float = 0.05,
    step_yaw_rad: float = 0.4,
    control_hz: int = 16,
    workspace: robots.Workspace | None = None,
  ):
    """Builds the world.

    Args:
      task: Makes the task in a simulation and a world.
      robot: Makes the robot in a simulation and a workspace.
      where: The world.
      observation: 'state', 'image' or 'both'.
      seed: Chooses the episodes.
      max_steps: Actions an episode, at most.
      step_length_m: Displacement along an axis for an action of 1, metres.
      step_yaw_rad: Turn for an action of 1, radians.
      control_hz: Actions a second of simulated time; divides 240.
      workspace: Where the gripper may go.

    Raises:
      ValueError: If a number cannot be, `control_hz` does not divide the
        physics rate, or the parts do not fit each other.
    """
    super().__init__(handle_auto_reset=True)
    where = where or world_lib.World()
    _check_numbers(
      max_steps=max_steps,
      step_length_m=step_length_m,
      step_yaw_rad=step_yaw_rad,
      control_hz=control_hz,
    )
    if seed < 0:
      raise ValueError(f'seed must be >= 0, got {seed}.')
    if where.latency_s[1] > 1 / control_hz:
      raise ValueError(
        f'{type(where).__name__}.latency_s must end before the next action, '
        f'after {1 / control_hz} s, got {where.latency_s}; shorten it.'
      )
    self._substeps = simulation_lib.Simulation.physics_hz // control_hz
    self._seed = seed
    self._episodes_begun = 0
    self._max_steps = max_steps
    self.step_length_m = step_length_m
    self.step_yaw_rad = step_yaw_rad
    self.workspace = workspace or robots.Workspace()
    self._world = where
    self._simulation = simulation_lib.Simulation()
    try:
      self._build(task, robot, observation)
    except BaseException:
      self.close()
      raise
    self._fresh = self._simulation.save()
    self._steps = 0
    self._closed = False

  def _build(self, task, robot, observation: str) -> None:
    simulation = self._simulation
    self._table = scenes.make_table(simulation, self._world.texture)
    self.task = task(simulation, self._world)
    self._robot = robot(simulation, self.workspace)
    self._state = sensors.StateSensor(
      simulation, self._robot, self.workspace, self.task
    )
    self._image = (
      None
      if observation == 'state'
      else sensors.ImageSensor(simulation, self._robot)
    )
    self._sensors: list[sensors.Sensor] = []
    if observation != 'image':
      self._sensors.append(self._state)
    if self._image is not None:
      self._sensors.append(self._image)
    self._action_spec = action_spec()
    self._observation_spec = {
      name: spec
      for sensor in self._sensors
      for name, spec in sensor.spec().items()
    }
    self._observation_spec['steps_left'] = sensors.bounded(
      [0], [1], 'steps_left'
    )

  def action_spec(self):
    return self._action_spec

  def observation_spec(self):
    return self._observation_spec

  def success(self) -> bool:
    """Tells whether the task is done now."""
    return self.task.success(self._robot)

  def state_observation(self) -> dict[str, np.ndarray]:
    """Returns what the observation 'state' is now, whatever is observed."""
    return {**self._state.read(), 'steps_left': self._steps_left()}

  @property
  def can_render(self) -> bool:
    """Whether `render` gives pictures."""
    return True

  def render(self, mode: str = 'rgb_array', camera=None) -> np.ndarray:
    """Returns a picture of the scene, uint8 `[height, width, 3]`."""
    if mode != 'rgb_array':
      raise ValueError(f"render mode must be 'rgb_array', got {mode!r}.")
    if self._image is not None:
      self._image.restore_looks()
    return self._simulation.render(camera or simulation_lib.Camera())

  def close(self) -> None:
    self._simulation.close()

  def _reset(self) -> ts.TimeStep:
    episode = [self._seed, self._episodes_begun]
    self._episodes_begun += 1
    self._steps = 0
    self._closed = False
    rng = np.random.default_rng(episode)
    # A stream of its own: what a world draws moves no object.
    self._rng = np.random.default_rng([*episode, 1])
    self._conditions = self._world.draw(self._rng)
    self.task.set_conditions(self._conditions)
    self._simulation.reset_to(self._fresh)
    start, yaw = self._start_position(rng), rng.uniform(-0.4, 0.4)
    self._robot.home(start, yaw)
    self.task.reset(rng)
    if self._image:
      self._simulation.paint(self._table, self._conditions.table_rgb)
      self._image.reset(self._conditions, [*episode, 2])
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
      if name not in action:
        raise ValueError(
          f'action has no {name!r}; it needs {", ".join(self._action_spec)}.'
        )
      value = np.asarray(action[name])
      if not _fits(value, spec):
        kind = 'whole numbers' if spec.dtype == np.int32 else 'numbers'
        raise ValueError(
          f'action {name!r} must have shape {spec.shape} and be {kind} in '
          f'[{spec.minimum}, {spec.maximum}], got {value}; clip or scale it.'
        )

  def _move(self, action) -> None:
    closed = int(action['gripper']) == _CLOSE
    if closed != self._closed:
      # As on the robot: the arm waits until the fingers have moved.
      self._closed = closed
      self._command(np.zeros(3), 0.0, _FINGER_SUBSTEPS)
      return
    noise = self._rng.normal(0, self._conditions.actuation_noise, 4)
    self._command(
      (np.asarray(action['world_vector'], float) + noise[:3])
      * self.step_length_m,
      (float(action['yaw'][0]) + noise[3]) * self.step_yaw_rad,
      self._substeps,
    )

  def _command(self, displacement_m, yaw_rad: float, substeps: int) -> None:
    late = self._conditions.latency_s * self._simulation.physics_hz
    late = min(round(late), substeps)
    self._simulation.step(late)
    self._robot.command(displacement_m, yaw_rad, self._closed)
    self._simulation.step(substeps - late)

  def _start_position(self, rng: np.random.Generator) -> np.ndarray:
    low, high = self.workspace.low_m, self.workspace.high_m
    center = self.workspace.center_m
    x, y = rng.uniform(-0.05, 0.05, 2)
    return np.array(
      [center[0] + x, center[1] + y, low[2] + 0.45 * (high[2] - low[2])]
    )

  def _observe(self) -> dict[str, np.ndarray]:
    observation = {}
    for sensor in self._sensors:
      observation.update(sensor.read())
    observation['steps_left'] = self._steps_left()
    return observation

  def _steps_left(self) -> np.ndarray:
    return np.array([1 - self._steps / self._max_steps], np.float32)


def _fits(value: np.ndarray, spec) -> bool:
  return bool(
    value.dtype.kind in 'biuf'
    and value.shape == spec.shape
    and np.all(value >= spec.minimum)
    and np.all(value <= spec.maximum)
    and (spec.dtype != np.int32 or np.all(value == np.round(value)))
  )


def _check_numbers(
  *, max_steps: int, control_hz: int, **lengths: float
) -> None:
  counts = {'max_steps': max_steps, 'control_hz': control_hz}
  for name, value in counts.items():
    if not isinstance(value, int) or value < 1:
      raise ValueError(f'GraspEnv.{name} must be an int >= 1, got {value!r}.')
  for name, length in lengths.items():
    if not 0 < length < np.inf:
      raise ValueError(f'GraspEnv.{name} must be > 0 and finite, got {length}.')
  physics_hz = simulation_lib.Simulation.physics_hz
  if physics_hz % control_hz:
    raise ValueError(
      f'control_hz must divide {physics_hz}, got {control_hz}; '
      'bind GraspEnv.control_hz to 10, 16 or 20.'
    )
