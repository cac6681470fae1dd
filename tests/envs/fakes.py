"""A task of one number; light, since new processes import it too."""

import numpy as np
from tf_agents.environments import py_environment
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

from awopt_agent.envs import vector_env


class EvenEnv(py_environment.PyEnvironment):
  """Episode k lasts 2 + k % 3 steps; it succeeds if the last move is > 0.

  Its observation is k / 100, so that a policy can tell the episodes apart.
  """

  def __init__(self, seed=0):
    super().__init__(handle_auto_reset=True)
    self._state = {'seed': seed, 'episodes_begun': 0}
    self._steps = 0
    self.closed = False

  def observation_spec(self):
    return {'x': array_spec.BoundedArraySpec((1,), np.float32, -1, 1, 'x')}

  def action_spec(self):
    bounds = ((1,), np.float32, -1, 1, 'move')
    return {'move': array_spec.BoundedArraySpec(*bounds)}

  def get_state(self):
    return dict(self._state)

  def set_state(self, state):
    self._state = dict(state)

  def close(self):
    self.closed = True

  def render(self, mode='rgb_array'):
    """Returns a picture whose red is the number of the step."""
    return np.full((16, 24, 3), [self._steps * 50, 0, 0], np.uint8)

  @property
  def episode(self):
    return self._state['episodes_begun'] - 1

  def _observe(self):
    return {'x': np.array([self.episode / 100], np.float32)}

  def _reset(self):
    self._state['episodes_begun'] += 1
    self._steps = 0
    return ts.restart(self._observe())

  def _step(self, action):
    self._steps += 1
    if self._steps < 2 + self.episode % 3:
      return ts.transition(self._observe(), np.float32(0))
    return ts.termination(self._observe(), np.float32(action['move'][0] > 0))


def episode_of(step):
  """Returns which episode a time step belongs to, `[B]`."""
  return np.round(step.observation['x'][:, 0] * 100).astype(int)


def make_vector_env(count=3, first_seed=0):
  return vector_env.VectorEnv(
    [EvenEnv(first_seed + index) for index in range(count)]
  )
