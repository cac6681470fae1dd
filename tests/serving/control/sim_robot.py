"""The tests' real robot: PyBullet in another process, at the pace of a clock.

It has what a robot's driver has: a thread that moves the arm, 240 times a
second, a camera of its own pace, and a stop that works in the middle of a
motion. Faults happen to it by message.
"""

import threading
import time

import numpy as np

from awopt_agent import envs
from awopt_agent.serving.control import robot

_TICK_S = 1 / 240
_TICKS_A_PICTURE = 6  # 40 Hz.


class SimRobot:
  """An arm, and what can happen to it."""

  def __init__(self, task='green_bowl', max_steps=100_000):
    self._env = envs.GraspEnv(envs.TASKS[task], max_steps=max_steps)
    self._simulation_step = self._env._simulation.step
    self._env._simulation.step = self._move
    self._halted = threading.Event()
    self._action = None
    self._asked = threading.Condition()
    self._next_s = time.monotonic()
    self._ticks = 0
    self._faults = {}
    self._broken = set()
    self._acts = 0
    self.fault_s = None
    self.stops_s = []
    self.moved_s = None
    self._reset_asked = False
    self._ready = threading.Event()
    self._picture = None
    threading.Thread(target=self._drive, daemon=True).start()
    self.prepare()

  def prepare(self, faults=()):
    """Begins an episode; faults happen at an action of it.

    Args:
      faults: Pairs of the action's number and the fault's name.
    """
    self._faults = dict(faults)
    self._broken = set()
    self._acts = 0
    self.fault_s, self.stops_s = None, []
    self._ready.clear()
    with self._asked:
      self._action = None
      self._reset_asked = True
    self._ready.wait()
    self._halted.clear()

  def log(self):
    """Returns when a fault happened, when stops came, and the last motion."""
    return self.fault_s, self.stops_s, self.moved_s

  def observe(self):
    if 'deaf' in self._broken:
      time.sleep(1.0)
    if 'unplugged' in self._broken:
      raise OSError('the camera is unplugged')
    nest, time_s = self._picture
    if 'garbled' in self._broken:
      nest = {**nest, 'steps_left': np.array([np.nan], np.float32)}
    return robot.Observed(nest, time_s)

  def act(self, action):
    self._acts += 1
    if name := self._faults.get(self._acts):
      self.fault_s = time.monotonic()
      self._broken.add(name)
    if 'stuck' in self._broken:
      time.sleep(1.0)
    with self._asked:
      self._action = {**action, 'terminate': np.int32(0)}

  def stop(self):
    self._halted.set()
    self.stops_s.append(time.monotonic())

  def _drive(self):
    """Moves as it was last told, and looks; alone it touches PyBullet."""
    while True:
      with self._asked:
        action, self._action = self._action, None
        reset, self._reset_asked = self._reset_asked, False
      if reset:
        self._env._simulation.step = self._simulation_step
        self._env.reset()
        self._env._simulation.step = self._move
        self._next_s = time.monotonic()
        self._picture = None
        self._tick()
        self._ready.set()
        continue
      if action is not None and not self._halted.is_set():
        self._env.step(action)
      self._tick()

  def _move(self, count):
    """Takes as long as the motion does, and ends in its midst when stopped."""
    for _ in range(count):
      if self._halted.is_set():
        return
      self._simulation_step(1)
      self.moved_s = time.monotonic()
      self._tick()

  def _tick(self):
    self._ticks += 1
    if self._picture is None or self._ticks % _TICKS_A_PICTURE == 0:
      if 'frozen' not in self._broken:
        self._picture = self._env.state_observation(), time.monotonic()
    self._next_s = max(self._next_s + _TICK_S, time.monotonic() - 0.05)
    time.sleep(max(0.0, self._next_s - time.monotonic()))
