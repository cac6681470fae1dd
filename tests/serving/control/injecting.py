"""What goes wrong between a policy and a robot in another process."""

import ctypes
import dataclasses
import os
import signal
import threading
import time
from typing import Any, NamedTuple

import numpy as np

from awopt_agent.serving import export
from awopt_agent.serving import predictor as predictor_lib
from awopt_agent.serving.control import faults, loop
from tests.serving import fakes as agents
from tests.serving.control import fakes

_Kind = faults.Kind
CONFIG = loop.LoopConfig(max_steps=8)
# For a busy machine: each limit, and so each fault, lasts three times as long.
SLOW = 3
SLOW_CONFIG = loop.LoopConfig(
  max_steps=8,
  control_hz=10 / SLOW,
  max_age_s=0.15 * SLOW,
  observe_limit_s=0.05 * SLOW,
  policy_limit_s=0.1 * SLOW,
  act_limit_s=0.1 * SLOW,
  late_limit_s=0.05 * SLOW,
)
# At the third action, answer or observation of an episode.
_WHEN = 3
# Or, for what people do, so long after its beginning.
_AFTER_S = 0.35

# By name, what kind of fault each may be.
EXPECTED = {
  # What happens to the robot.
  'garbled': (_Kind.OBSERVATION,),
  'frozen': (_Kind.CAMERA,),
  'unplugged': (_Kind.CONNECTION,),
  # What was seen last is as old by then as it may be.
  'deaf': (_Kind.CONNECTION, _Kind.CAMERA),
  'stuck': (_Kind.CONNECTION,),
  # To the policy.
  'not finite': (_Kind.POLICY,),
  'hangs': (_Kind.HANG,),
  'late': (_Kind.DEADLINE,),
  # With Python's lock held, only the robot's process notices in time.
  'holds the lock': (_Kind.HANG, _Kind.DEADLINE, _Kind.CAMERA),
  # And around it.
  'button': (_Kind.HUMAN,),
  'signal': (_Kind.SIGNAL,),
  'loop': (_Kind.LOOP,),
}


class Injected(NamedTuple):
  """What became of it, by one clock.

  Attributes:
    played: The episode.
    fault_s: When it went wrong.
    stops_s: When the robot was told to stop, as it says.
    moved_s: When the robot moved last.
  """

  played: Any
  fault_s: float
  stops_s: list[float]
  moved_s: float


def export_policy(
  time_step_spec, action_spec, folder: str, kind: str = 'actor'
) -> predictor_lib.Predictor:
  """Returns a policy of weights at random, exported and loaded."""
  agent = agents.make_agent(time_step_spec.observation, action_spec)
  export.export(agent, folder, train_step=1)
  return predictor_lib.Predictor(folder, policy=kind)


def inject(machine, policy, name: str, *, slow: float = 1) -> Injected:
  """Plays an episode in which something goes wrong."""
  moment = _Moment()
  config = CONFIG if slow == 1 else SLOW_CONFIG
  happens, kwargs = [], {}
  if name in ('garbled', 'frozen', 'unplugged', 'deaf', 'stuck'):
    happens = [(_WHEN, name)]
  elif name == 'not finite':
    policy = _Changed(policy, moment, _nan)
  elif name == 'hangs':
    policy = _Changed(policy, moment, lambda: time.sleep(1.0))
  elif name == 'holds the lock':
    hold = ctypes.PyDLL(None).usleep
    policy = _Changed(policy, moment, lambda: hold(round(400_000 * slow)))
  elif name == 'late':
    # It may think that long, but not be that late.
    policy = _Changed(policy, moment, lambda: time.sleep(0.3 * slow))
    config = dataclasses.replace(
      config, policy_limit_s=0.5 * slow, max_age_s=0.4 * slow
    )
  elif name == 'loop':
    kwargs['detector'] = _failing_detector(moment)
  else:
    pressed = threading.Event()
    kwargs['stop_buttons'] = [pressed.is_set]

  def prepare():
    machine.resume()
    machine.call('prepare', happens)
    if name == 'button':
      threading.Timer(_AFTER_S * slow, moment.comes, (pressed.set,)).start()
    if name == 'signal':
      threading.Timer(_AFTER_S * slow, moment.comes, (_terminate,)).start()

  control = loop.ControlLoop(
    machine, policy, config, report=lambda line: None, **kwargs
  )
  played = control.run_episode(prepare)
  machine.resume()  # It may have stopped by itself, and tells nothing then.
  fault_s, stops_s, moved_s = machine.call('log')
  return Injected(played, moment.time_s or fault_s, stops_s, moved_s)


class _Moment:
  """When it went wrong."""

  time_s: float | None = None

  def comes(self, happens=lambda: None) -> None:
    self.time_s = self.time_s or time.monotonic()
    happens()


class _Changed:
  """A policy whose answers change at its third one."""

  def __init__(self, policy, moment: _Moment, becomes):
    def change():
      moment.comes()
      return becomes()

    self._policy = policy
    self.predict = fakes.Late(policy.predict, change, from_call=_WHEN)

  def __getattr__(self, name):
    return getattr(self._policy, name)


def _nan():
  return {
    'world_vector': np.full(3, np.nan, np.float32),
    'yaw': np.zeros(1, np.float32),
    'gripper': np.int32(0),
    'terminate': np.int32(0),
  }


def _failing_detector(moment: _Moment):
  def detect(trace, ended):
    del ended
    if len(trace.observations) == _WHEN:
      moment.comes()
      raise KeyError('height')

  return detect


def _terminate():
  os.kill(os.getpid(), signal.SIGTERM)
