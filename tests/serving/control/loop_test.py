import dataclasses
import os
import signal
import threading
import time

import numpy as np
import pytest

from awopt_agent import structs
from awopt_agent.serving.control import detectors, faults, loop
from tests.serving.control import fakes

# They keep a clock, and so have the machine to themselves.
pytestmark = pytest.mark.programs

Kind = faults.Kind


@pytest.fixture(name='robot')
def _robot():
  return fakes.CountingRobot()


@pytest.fixture(name='lines')
def _lines():
  return []


def make_loop(robot, lines, policy=None, config=fakes.CONFIG, **kwargs):
  return loop.ControlLoop(
    robot,
    policy or fakes.HalfPolicy(),
    config,
    report=lines.append,
    **kwargs,
  )


def changed(**kwargs):
  return dataclasses.replace(fakes.CONFIG, **kwargs)


def test_an_episode_ends_after_its_steps_and_the_robot_stands(robot, lines):
  start = time.monotonic()
  played = make_loop(robot, lines).run_episode()
  # Six observations at 20 Hz.
  assert 0.25 <= time.monotonic() - start < 2
  assert [o['clock'] for o in played.trace.observations] == [0, 1, 2, 3, 4, 5]
  # What the robot filled again and again was copied.
  places = [o['place'][0] for o in played.trace.observations]
  assert places == [0, 0.5, 1, 1.5, 2, 2.5]
  assert played.trace.sources == [structs.Source.CEM] * 5
  assert played.fault is None and not played.success and not lines
  assert (played.policy, played.version) == ('cem_with_candidate', 700)
  # It stands while the episode is judged, and at its end in any case.
  assert len(robot.acted) == 5 and len(robot.stops_s) == 2
  assert played.timing.steps == 5


def test_steps_keep_to_the_grid_whatever_they_take(robot, lines):
  config = changed(
    control_hz=50, max_steps=17, late_limit_s=1, most_misses=17, max_age_s=1
  )
  delays = iter([0.0, 0.012] * 13)
  act = robot.act
  robot.act = lambda action: (time.sleep(next(delays)), act(action))
  played = make_loop(robot, lines, config=config).run_episode()
  times_s = np.array(played.trace.times_s)
  # On a grid of 20 ms, from which a busy machine leaves points out; if what
  # a step took added up, they would lie anywhere.
  off_s = (times_s - times_s[0] + 0.005) % 0.02
  assert len(times_s) == 18 and np.quantile(off_s, 0.8) < 0.013


def test_a_detector_ends_the_episode_with_success(robot, lines):
  detector = detectors.when(lambda observation: observation['place'][0] >= 1)
  played = make_loop(robot, lines, detector=detector).run_episode()
  assert played.success and played.trace.length == 2


def test_a_last_action_is_done_and_its_consequence_seen(robot, lines):
  asked = []

  def detector(trace, ended):
    asked.append(ended)
    return True if ended else None

  played = make_loop(
    robot, lines, detector=detector, is_last=lambda action: action['move'][0]
  ).run_episode()
  assert asked == [False, True]
  assert played.success and played.trace.length == 1 == len(robot.acted)


def test_a_human_takes_over_and_gives_back(robot, lines):
  class Joystick:
    def action(self, observation):
      if observation['clock'] not in (1, 2):
        return None
      return {'move': np.array([0, 9], np.float32), 'stop': np.int32(0)}

  played = make_loop(robot, lines, human=Joystick()).run_episode()
  assert [int(source) for source in played.trace.sources] == [2, 0, 0, 2, 2]
  # Three halves along x, two of the greatest moves along y.
  np.testing.assert_array_equal(robot.place, [1.5, 2])


def test_episodes_follow_each_other_until_a_fault(robot, lines):
  kept, began = [], []

  class Recorder:
    def add(self, played):
      assert robot.stops_s  # It stands.
      kept.append(played)

  def prepare():
    began.append(len(robot.stops_s))
    if len(began) == 3:
      robot.observe = lambda: None

  control = make_loop(robot, lines, recorder=Recorder())
  played = list(control.run(9, prepare))
  assert began == [0, 2, 4] and played == kept
  assert [one.fault is None for one in played] == [True, True, False]
  assert played[2].trace.length == 0


def test_a_follower_looks_for_a_newer_version_before_each_episode(robot, lines):
  class Follower:
    predictor = fakes.HalfPolicy()

    def refresh(self):
      self.predictor = fakes.HalfPolicy()
      self.predictor.version = 700 + len(robot.acted)

  played = list(make_loop(robot, lines, Follower()).run(2))
  assert [one.version for one in played] == [700, 705]


def test_practice_begins_anew_in_each_episode(robot, lines):
  asked = []

  class Exploring(fakes.HalfPolicy):
    def run(self, signature, arrays):
      asked.append(signature)
      if signature == 'practice_initial_state':
        return {'state_seed': np.zeros([1, 2], np.int32)}
      assert arrays['place'].shape == (1, 2)
      assert arrays['step_type'] == (asked[-2] == 'practice')
      outputs = {
        name: value[None] for name, value in self.predict(None).items()
      }
      return {**outputs, 'state_seed': arrays['state_seed'], 'info_source': [1]}

  config = changed(max_steps=2)
  control = make_loop(robot, lines, Exploring(), config, practise=True)
  played = list(control.run(2))
  assert asked == ['practice_initial_state', 'practice', 'practice'] * 2
  assert played[1].trace.sources == [structs.Source.ACTOR] * 2
  assert played[1].policy == 'practice'


def _nan(*_):
  return {'move': np.full(2, np.nan, np.float32), 'stop': np.int32(0)}


def _bad_place(*_):
  place = np.array([0, np.inf], np.float32)
  return {'place': place, 'clock': np.float32(0)}, time.monotonic()


def _frozen(*_):
  return {'place': np.zeros(2, np.float32), 'clock': np.float32(0)}, 1.0


def _raises(*_):
  raise OSError('unplugged')


def _hangs(*_):
  time.sleep(1)


def _slow(*_):
  time.sleep(0.06)


# Whose function changes at its second call, how, and what the fault is.
CASES = {
  'nan': ('predict', _nan, Kind.POLICY, "the policy answers 'move'"),
  'raises': ('predict', _raises, Kind.POLICY, 'OSError: unplugged'),
  'hangs': ('predict', _hangs, Kind.HANG, 'HungError: no answer'),
  'bad': ('observe', _bad_place, Kind.OBSERVATION, "observation 'place' holds"),
  'frozen': ('observe', _frozen, Kind.CAMERA, 'the observation is '),
  'lost': ('observe', _raises, Kind.CONNECTION, 'observe: OSError: unplug'),
  'deaf': ('observe', _hangs, Kind.CONNECTION, 'observe: HungError: no answer'),
  'broken': ('act', _raises, Kind.CONNECTION, 'act: OSError: unplugged'),
  'stuck': ('act', _hangs, Kind.CONNECTION, 'act: HungError: no answer'),
}


@pytest.mark.parametrize('case', CASES)
def test_a_fault_stops_the_robot_in_time(robot, lines, case):
  name, becomes, kind, reason = CASES[case]
  policy = fakes.HalfPolicy()
  owner = policy if name == 'predict' else robot
  late = fakes.Late(getattr(owner, name), becomes)
  setattr(owner, name, late)
  played = make_loop(robot, lines, policy).run_episode()
  assert played.fault.kind == kind
  assert played.fault.reason.startswith(reason)
  assert robot.stops_s[0] - late.began_s < 0.2
  (line,) = lines
  assert line.startswith(f'{kind}: {reason}') and '\n' not in line
  assert not played.success
  # Seen: the first observation, and the second unless it was the bad one.
  assert played.trace.length == (0 if name == 'observe' else 1)


def test_deadlines_missed_in_a_row_are_a_fault(robot, lines):
  robot.act = fakes.Late(robot.act, _slow, from_call=1)
  played = make_loop(robot, lines).run_episode()
  assert played.fault.kind == Kind.DEADLINE
  assert played.fault.reason == '3 deadlines missed in a row.'
  assert played.timing.misses == 3


def test_a_deadline_missed_now_and_then_is_counted(robot, lines):
  robot.act = fakes.Late(robot.act, _slow, from_call=5)
  played = make_loop(robot, lines).run_episode()
  assert played.fault is None and played.timing.misses == 1


def test_the_watchdog_stops_a_robot_whose_loop_hangs(robot, lines):
  began = []

  def detector(trace, ended):
    if len(trace.observations) == 2:
      began.append(time.monotonic())
      time.sleep(0.5)

  played = make_loop(robot, lines, detector=detector).run_episode()
  assert played.fault.kind == Kind.DEADLINE
  # The step's 50 ms and 100 ms of grace; the camera's 150 ms come later.
  assert robot.stops_s[0] - began[0] < 0.2


def test_an_error_in_the_loop_stops_the_robot(robot, lines):
  def detector(trace, ended):
    raise KeyError('height')

  played = make_loop(robot, lines, detector=detector).run_episode()
  assert played.fault.kind == Kind.LOOP
  assert played.fault.reason == "KeyError: 'height'"
  assert robot.stops_s


def test_an_interrupt_is_raised_once_the_robot_stands(robot, lines):
  def detector(trace, ended):
    raise SystemExit(3)

  with pytest.raises(SystemExit):
    make_loop(robot, lines, detector=detector).run_episode()
  assert robot.stops_s and lines[0].startswith('loop: SystemExit')


def test_a_button_stops_the_robot(robot, lines):
  pressed = threading.Event()
  pressed_s = []

  def press():
    pressed_s.append(time.monotonic())
    pressed.set()

  threading.Timer(0.1, press).start()
  played = make_loop(robot, lines, stop_buttons=[pressed.is_set]).run_episode()
  assert played.fault.kind == Kind.HUMAN
  assert robot.stops_s[0] - pressed_s[0] < 0.2


def test_a_signal_stops_the_robot_while_the_policy_hangs(robot, lines):
  policy = fakes.HalfPolicy()
  policy.predict = fakes.Late(policy.predict, _hangs)
  sent_s = []

  def send():
    sent_s.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGTERM)

  threading.Timer(0.12, send).start()
  config = changed(policy_limit_s=5, late_limit_s=5, max_age_s=5)
  before = signal.getsignal(signal.SIGTERM)
  played = make_loop(robot, lines, policy, config).run_episode()
  assert played.fault.kind == Kind.SIGNAL
  assert played.fault.reason == 'this process received SIGTERM.'
  assert robot.stops_s[0] - sent_s[0] < 0.2
  assert signal.getsignal(signal.SIGTERM) == before


def test_a_button_between_episodes_lets_none_begin(robot, lines):
  control = make_loop(robot, lines, stop_buttons=[lambda: True])
  played = list(control.run(3, lambda: time.sleep(0.1)))
  assert [one.fault.kind for one in played] == [Kind.HUMAN]
  assert robot.acted == []


def test_a_robot_that_is_brought_home_is_held_from_a_stop_on(robot, lines):
  pressed = threading.Event()
  moved_s = []

  def prepare():
    for _ in range(3):
      moved_s.append(time.monotonic())
      pressed.set()
      time.sleep(0.2)

  control = make_loop(robot, lines, stop_buttons=[pressed.is_set])
  played = control.run_episode(prepare)
  assert played.fault.kind == Kind.HUMAN
  # Each of its moves is followed by a stop before the next one.
  for began_s, end_s in zip(moved_s, [*moved_s[1:], np.inf], strict=True):
    assert any(began_s < at_s < end_s for at_s in robot.stops_s)


def test_an_episode_that_ended_by_itself_is_judged_while_the_robot_stands(
  robot, lines
):
  asked = []

  def detector(trace, ended):
    if not ended:
      return None
    assert robot.stops_s and trace.length == 5
    asked.append(time.monotonic())
    # Longer than any step may take.
    return True if asked[-1] > asked[0] + 0.5 else None

  config = changed(verdict_limit_s=20)
  control = make_loop(robot, lines, config=config, detector=detector)
  played = control.run_episode()
  assert played.success and played.fault is None and not lines


def test_a_verdict_that_does_not_come_is_a_failure(robot, lines):
  config = changed(verdict_limit_s=0.1)
  played = make_loop(robot, lines, config=config).run_episode()
  assert not played.success and played.fault is None


def test_what_is_recorded_is_what_was_done(robot, lines):
  same = {'move': np.zeros(2, np.float32), 'stop': np.int32(0)}

  class Joystick:
    def action(self, observation):
      same['move'][0] = observation['clock'] / 8
      return same

  def act(action, do=robot.act):
    do(action)
    action['move'] *= 0  # In place, as a driver may scale.

  robot.act = act
  played = make_loop(robot, lines, human=Joystick()).run_episode()
  moves = [action['move'][0] for action in played.trace.actions]
  assert moves == [0, 1 / 8, 2 / 8, 3 / 8, 4 / 8]


def test_a_robot_that_does_not_stop_at_the_end_is_a_fault(robot, lines):
  robot.stop = lambda: 1 / 0
  played = make_loop(robot, lines).run_episode()
  assert played.fault.kind == Kind.CONNECTION
  assert 'DID NOT CONFIRM' in lines[0] and 'ZeroDivisionError' in lines[0]


@pytest.mark.parametrize(
  ('kwargs', 'message'),
  [
    ({'control_hz': 0}, r'LoopConfig\.control_hz must be > 0, got 0'),
    ({'max_age_s': 0.05}, r'LoopConfig\.max_age_s is 0\.05'),
    ({'act_limit_s': float('inf')}, r'LoopConfig\.act_limit_s must be > 0'),
    ({'max_steps': 100 * 0.29}, r'LoopConfig\.max_steps must be a whole'),
  ],
)
def test_what_cannot_be_is_refused(kwargs, message):
  with pytest.raises(ValueError, match=message):
    changed(**kwargs)


def test_leaves_no_thread_behind(robot, lines):
  make_loop(robot, lines, stop_buttons=[lambda: False]).run_episode()
  deadline = time.monotonic() + 5
  ours = {'observe', 'policy', 'act', 'stop', 'watchdog', 'button', 'signals'}
  while ours & fakes.threads():
    assert time.monotonic() < deadline, fakes.threads()
    time.sleep(0.01)
