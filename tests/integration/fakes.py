"""A tiny task for TF-Agents users' loops."""

import numpy as np
from tf_agents.environments import py_environment
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

_MAX_STEPS = 4
_GOAL_RADIUS = 0.2


class Reach(py_environment.PyEnvironment):
  """Moves a point in a square to its middle, in at most four steps.

  The observation is the point, and the share of steps left; the reward is 1
  at the goal, where the episode ends.
  """

  def __init__(self, seed=0):
    super().__init__(handle_auto_reset=True)
    self._rng = np.random.default_rng(seed)

  def observation_spec(self):
    return array_spec.BoundedArraySpec((3,), np.float32, -1.0, 1.0)

  def action_spec(self):
    return array_spec.BoundedArraySpec((2,), np.float32, -0.5, 0.5)

  def _reset(self):
    self._place = self._rng.uniform(-1, 1, 2)
    self._steps_left = _MAX_STEPS
    return ts.restart(self._observe())

  def _step(self, action):
    self._place = np.clip(self._place + action, -1, 1)
    self._steps_left -= 1
    arrived = np.linalg.norm(self._place) < _GOAL_RADIUS
    if arrived or not self._steps_left:
      return ts.termination(self._observe(), np.float32(arrived))
    return ts.transition(self._observe(), np.float32(0))

  def _observe(self):
    return np.float32([*self._place, self._steps_left / _MAX_STEPS])
