import ctypes
import functools
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

from awopt_agent.serving.control import process, robot

# They keep a clock, and so have the machine to themselves.
pytestmark = pytest.mark.programs


class FileRobot:
  """Writes down when it was stopped; that outlives its process."""

  def __init__(self, path):
    self.path = path

  def observe(self):
    return robot.Observed({'pid': np.int32(os.getpid())}, time.monotonic())

  def act(self, action):
    if action == 'hang':
      time.sleep(1.0)
    elif action == 'move late':
      time.sleep(0.4)
      self.note('moved')
    elif action == 'fail':
      raise KeyError('no such joint')
    elif action == 'fail oddly':
      raise OddError(lambda: None)

  def stop(self):
    self.note('')

  def note(self, what):
    with open(self.path + what, 'a', encoding='utf-8') as file:
      file.write(f'{time.monotonic()}\n')

  def home(self, where):
    return f'at {where}'


class OddError(Exception):
  """Cannot travel: its argument has no name elsewhere."""


def broken():
  raise OSError('no such arm')


def stops_s(path):
  try:
    with open(path, encoding='utf-8') as file:
      return [float(line) for line in file]
  except FileNotFoundError:
    return []


def wait_for_stop(path, count=1):
  deadline = time.monotonic() + 5
  while len(stops_s(path)) < count:
    assert time.monotonic() < deadline
    time.sleep(0.01)
  return stops_s(path)[count - 1]


@pytest.fixture(name='path')
def _path(tmp_path):
  return str(tmp_path / 'stops')


@pytest.fixture(name='machine')
def _machine(path):
  with process.RobotProcess(functools.partial(FileRobot, path)) as machine:
    yield machine


def test_the_robot_is_elsewhere_and_does_what_it_is_told(machine, path):
  nest, time_s = machine.observe()
  assert nest['pid'] == machine.pid != os.getpid()
  # One clock for all processes of a machine.
  assert 0 <= time.monotonic() - time_s < 1
  assert machine.call('home', 'rest') == 'at rest'
  with pytest.raises(KeyError, match='no such joint'):
    machine.act('fail')
  with pytest.raises(RuntimeError, match='OddError'):
    machine.act('fail oddly')
  time.sleep(0.3)  # It hears of us, and goes on.
  assert stops_s(path) == []


def test_a_stop_comes_through_while_the_robot_hangs(machine, path):
  hanging = threading.Thread(target=machine.act, args=('hang',))
  hanging.start()
  time.sleep(0.1)
  asked_s = time.monotonic()
  machine.stop()
  # It hangs for a second.
  assert asked_s <= stops_s(path)[0] <= time.monotonic() < asked_s + 0.6
  machine.stop()
  assert len(stops_s(path)) == 2
  hanging.join()


def test_the_robot_stops_where_no_thread_of_the_loop_can_run(machine, path):
  machine.act('move')
  held_s = time.monotonic()
  # Of a PyDLL, unlike others, a function keeps Python's lock.
  ctypes.PyDLL(None).usleep(300_000)
  # Before anybody could tell it.
  assert 0.05 < wait_for_stop(path) - held_s < 0.3
  with pytest.raises(ConnectionError, match=r'call resume\(\)'):
    machine.act('move')
  with pytest.raises(ConnectionError, match=r'call resume\(\)'):
    machine.call('home', 'rest')
  machine.resume()
  machine.act('move')
  assert len(stops_s(path)) == 1


def test_what_was_under_way_when_it_stopped_by_itself_is_stopped_too(
  machine, path
):
  failed = []

  def act():
    try:
      machine.act('move late')
    except ConnectionError as error:
      failed.append(error)

  moving = threading.Thread(target=act)
  moving.start()
  time.sleep(0.1)
  ctypes.PyDLL(None).usleep(600_000)
  moving.join()
  assert stops_s(path)[-1] > stops_s(path + 'moved')[0]
  assert len(failed) == 1


def test_a_robot_that_is_gone_is_told(machine):
  os.kill(machine.pid, signal.SIGKILL)
  time.sleep(0.1)
  with pytest.raises(ConnectionError, match='is gone'):
    machine.observe()
  with pytest.raises(ConnectionError, match='is gone'):
    machine.stop()


def test_signals_to_all_processes_leave_the_robots_own_alive(machine, path):
  assert os.getpgid(machine.pid) != os.getpgid(0)  # Not of our terminal.
  for number in (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGTSTP,
  ):
    os.kill(machine.pid, number)
  assert machine.call('home', 'rest') == 'at rest'
  machine.stop()
  assert len(stops_s(path)) == 1


def test_closing_stops_the_robot(path):
  machine = process.RobotProcess(functools.partial(FileRobot, path))
  machine.close()
  machine.close()
  assert stops_s(path)
  with pytest.raises(ConnectionError, match='is gone'):
    machine.observe()


def test_a_robot_that_cannot_be_made_is_told():
  with pytest.raises(OSError, match='no such arm'):
    process.RobotProcess(broken)


def test_a_process_that_ends_meanwhile_is_told():
  with pytest.raises(ConnectionError, match='ended while the robot was made'):
    process.RobotProcess(functools.partial(os._exit, 3))


def _hold_a_robot(path, ready):
  machine = process.RobotProcess(functools.partial(FileRobot, path))
  ready.send(machine.pid)
  time.sleep(60)


def test_a_loop_that_is_killed_leaves_a_robot_that_stands(path):
  context = multiprocessing.get_context('spawn')
  ours, theirs = context.Pipe()
  parent = context.Process(target=_hold_a_robot, args=(path, theirs))
  parent.start()
  assert ours.poll(60)
  ours.recv()
  assert stops_s(path) == []
  killed_s = time.monotonic()
  os.kill(parent.pid, signal.SIGKILL)
  assert wait_for_stop(path) - killed_s < 1.0
  parent.join()
