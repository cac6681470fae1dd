import threading
import time

import pytest

from awopt_agent.serving.control import faults
from tests.serving.control import fakes

# They keep a clock, and so have the machine to themselves.
pytestmark = pytest.mark.programs

Kind = faults.Kind


def make_guard(robot):
  lines = []
  return faults.Guard(robot, report=lines.append), lines


def test_the_first_fault_stops_the_robot_and_is_told_in_one_line():
  robot = fakes.CountingRobot()
  guard, lines = make_guard(robot)
  assert not guard.tripped and guard.settle() is None
  guard.trip(Kind.CAMERA, 'it stands still.')
  guard.trip(Kind.HUMAN, 'a button.')
  assert len(robot.stops_s) == 1
  fault = guard.settle()
  assert (fault.kind, fault.reason) == (Kind.CAMERA, 'it stands still.')
  assert fault.noticed_s <= robot.stops_s[0] <= fault.stopped_s
  assert lines == ['camera: it stands still; the robot stood 0 ms later.']


def test_tries_again_where_stopping_fails():
  robot = fakes.CountingRobot()
  stop, failures = robot.stop, [OSError('busy')]

  def fail_once():
    if failures:
      raise failures.pop()
    stop()

  robot.stop = fail_once
  guard, lines = make_guard(robot)
  guard.trip(Kind.LOOP, 'why.')
  assert len(robot.stops_s) == 1
  assert guard.fault.stopped_s is not None
  assert lines[0].startswith('loop: why; the robot stood')


def test_says_so_where_the_robot_does_not_stop():
  robot = fakes.CountingRobot()
  back = threading.Event()
  robot.stop = back.wait
  guard, lines = make_guard(robot)
  start = time.monotonic()
  guard.trip(Kind.LOOP, 'why.')
  # Three attempts of 100 ms.
  assert 0.3 <= time.monotonic() - start < 2
  assert lines == [
    'loop: why; THE ROBOT DID NOT CONFIRM ITS STOP. Robot.stop: HungError: no '
    'answer within 0.1 s'
  ]
  assert guard.settle().stopped_s is None
  back.set()


def test_no_action_follows_a_fault():
  robot = fakes.CountingRobot()
  guard, _ = make_guard(robot)
  guard.trip(Kind.HUMAN, 'a button.')
  guard.act({'move': 1})
  assert robot.acted == []


def test_an_action_that_comes_back_behind_a_fault_is_stopped_once_more():
  robot = fakes.CountingRobot()
  guard, _ = make_guard(robot)

  def hang(action):
    guard.trip(Kind.HUMAN, 'a button.')
    robot.acted.append(action)

  robot.act = hang
  guard.act('late')
  assert robot.acted == ['late'] and len(robot.stops_s) == 2


def test_a_fault_wakes_who_waits():
  guard, _ = make_guard(fakes.CountingRobot())
  now = time.monotonic()
  assert not guard.wait(now + 0.02)
  assert time.monotonic() >= now + 0.02
  threading.Timer(0.05, guard.trip, (Kind.HUMAN, 'a button.')).start()
  assert guard.wait(now + 60)
