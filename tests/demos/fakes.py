"""A tiny environment, its expert and its episodes."""

import numpy as np
from tf_agents.environments import py_environment
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

from awopt_agent import structs

OBSERVATION_SPEC = {
  'place': array_spec.BoundedArraySpec((2,), np.float32, -9.0, 9.0),
  'clock': array_spec.ArraySpec((), np.float32),
}
ACTION_SPEC = {
  'move': array_spec.BoundedArraySpec((2,), np.float32, -1.0, 1.0),
  'stop': array_spec.BoundedArraySpec((), np.int32, 0, 1),
}
TIME_STEP_SPEC = ts.time_step_spec(OBSERVATION_SPEC)
SPECS = {'time_step_spec': TIME_STEP_SPEC, 'action_spec': ACTION_SPEC}


def make_episode(length, *, success=True, is_terminal=True, seed=0):
  """Returns an episode of `length` transitions with values at random."""
  rng = np.random.default_rng(seed)
  rows = length + 1
  reward = np.zeros(rows, np.float32)
  reward[-2] = success
  discount = np.ones(rows, np.float32)
  discount[-1] = 0
  discount[-2] = not is_terminal
  return structs.Episode(
    observation={
      'place': rng.uniform(-9, 9, (rows, 2)).astype(np.float32),
      'clock': np.arange(rows, dtype=np.float32),
    },
    action={
      'move': rng.uniform(-1, 1, (rows, 2)).astype(np.float32),
      'stop': rng.integers(0, 2, rows).astype(np.int32),
    },
    reward=reward,
    discount=discount,
    is_terminal=is_terminal,
    success=success,
  )


def assert_same(left, right):
  """Compares two episodes value for value, with types."""
  for name in ('observation', 'action'):
    one, two = getattr(left, name), getattr(right, name)
    assert one.keys() == two.keys()
    for key in one:
      assert one[key].dtype == two[key].dtype
      np.testing.assert_array_equal(one[key], two[key])
  np.testing.assert_array_equal(left.reward, right.reward)
  np.testing.assert_array_equal(left.discount, right.discount)
  assert left.is_terminal == right.is_terminal
  assert left.success == right.success


class CountingEnv(py_environment.PyEnvironment):
  """Episode k lasts k + 1 steps, and succeeds where `k % 3 != 0`."""

  def __init__(self):
    super().__init__(handle_auto_reset=False)
    self.episode = -1

  def observation_spec(self):
    return OBSERVATION_SPEC

  def action_spec(self):
    return ACTION_SPEC

  def _observe(self):
    place = np.array([self.episode, self.clock], np.float32)
    return {'place': place, 'clock': np.float32(self.clock)}

  def _reset(self):
    self.episode += 1
    self.clock = 0
    return ts.restart(self._observe())

  def _step(self, action):
    self.clock += 1
    if self.clock <= self.episode:
      return ts.transition(self._observe(), np.float32(0))
    return ts.termination(self._observe(), np.float32(self.episode % 3 != 0))


class CountingExpert:
  """Acts by the number of its own actions in an episode."""

  def reset(self):
    self.count = 0

  def action(self, observation):
    assert observation['clock'] == self.count
    self.count += 1
    return {
      'move': np.array([self.count / 10, 0], np.float32),
      'stop': np.int32(0),
    }
