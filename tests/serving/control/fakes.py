"""A robot of a few lines, and a policy that needs no TensorFlow."""

import threading
import time

import numpy as np

from awopt_agent.serving import limits, parts
from awopt_agent.serving.control import loop, robot

OBSERVATION_SPEC = (
  parts.Part(
    'place', ('place',), (2,), 'float32', np.float32(-9), np.float32(9)
  ),
  parts.Part('clock', ('clock',), (), 'float32'),
)
ACTION_SPEC = (
  parts.Part('move', ('move',), (2,), 'float32', np.float32(-1), np.float32(1)),
  parts.Part('stop', ('stop',), (), 'int32', np.int32(0), np.int32(1)),
)
# Fast, and with room for a busy machine; what is late is late by design.
CONFIG = loop.LoopConfig(
  max_steps=5,
  control_hz=20,
  max_age_s=0.15,
  observe_limit_s=0.08,
  policy_limit_s=0.08,
  act_limit_s=0.08,
  late_limit_s=0.1,
)


class CountingRobot:
  """Counts its steps; the place is the sum of its moves."""

  def __init__(self):
    self.acted = []
    self.stops_s = []
    self.place = np.zeros(2, np.float32)

  def observe(self):
    clock = np.float32(len(self.acted))
    return robot.Observed(
      {'place': self.place, 'clock': clock}, time.monotonic()
    )

  def act(self, action):
    self.place += action['move']
    self.acted.append(action)

  def stop(self):
    self.stops_s.append(time.monotonic())


class HalfPolicy:
  """Moves along x by a half, as a `Predictor` does from NumPy to NumPy."""

  policy = 'cem_with_candidate'
  version = 700
  observation_spec = OBSERVATION_SPEC
  action_spec = ACTION_SPEC

  def predict(self, observation):
    del observation
    return {'move': np.array([0.5, 0], np.float32), 'stop': np.int32(0)}

  def bound(self, observation, action):
    del observation
    rows = {name: np.asarray(value)[None] for name, value in action.items()}
    bounded = limits.Limiter(OBSERVATION_SPEC, ACTION_SPEC).limit({}, rows)
    return {name: value[0] for name, value in bounded.items()}


class Late:
  """Does what another does, but from a call on something else first."""

  def __init__(self, function, before, from_call=2):
    self.function = function
    self.before = before
    self.from_call = from_call
    self.calls = 0
    self.began_s = None

  def __call__(self, *args):
    self.calls += 1
    if self.calls >= self.from_call:
      if self.began_s is None:
        self.began_s = time.monotonic()
      changed = self.before()
      if changed is not None:
        return changed
    return self.function(*args)


def threads():
  return {thread.name for thread in threading.enumerate()}
