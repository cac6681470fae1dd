import json
import os

import pytest

from awopt_agent.trials import identity, trial_folder
from tests.trials import fakes


class Clock:
  """Tells the time that it was set to.

  Attributes:
    now: Seconds.
  """

  now = 1000.0

  def __call__(self):
    return self.now


@pytest.fixture(name='clock')
def _clock():
  return Clock()


@pytest.fixture(name='folder')
def _folder(tmp_path, clock):
  return trial_folder.TrialFolder(str(tmp_path), 'a/b/0', clock=clock)


def _measure(folder, *records):
  with open(f'{folder.path}/metrics.jsonl', 'a', encoding='utf-8') as file:
    file.writelines(json.dumps(record) + '\n' for record in records)


def test_seconds_are_those_in_which_it_ran(folder, clock):
  folder.begin(fakes.IDENTITY, 'c')
  clock.now = 1010.0
  assert folder.seconds() == 10
  folder.pause()
  clock.now = 1100.0
  folder.begin(fakes.IDENTITY, 'c')
  clock.now = 1105.0
  folder.pause(ended=True)
  clock.now = 2000.0
  assert folder.seconds() == 10 + 5
  assert folder.seconds(until=1004.0) == 4
  assert folder.seconds(until=1050.0) == 10  # It stood still.
  assert folder.seconds(until=1101.0) == 11


def test_a_kill_ends_the_time_at_the_last_sign_of_life(folder, clock, tmp_path):
  folder.begin(fakes.IDENTITY, 'c')
  with open(folder.log, 'w', encoding='utf-8') as file:
    file.write('at work')
  os.utime(folder.log, (1030.0, 1030.0))
  clock.now = 5000.0
  folder.begin(fakes.IDENTITY, 'c')
  assert folder.seconds() == 30


def test_a_kill_before_any_sign_counts_nothing(folder, clock):
  folder.begin(fakes.IDENTITY, 'c')
  clock.now = 5000.0
  folder.begin(fakes.IDENTITY, 'c')
  assert folder.seconds() == 0


def test_the_end_is_told(folder):
  assert not folder.has_ended
  folder.begin(fakes.IDENTITY, 'c')
  folder.pause()
  assert not folder.has_ended
  folder.pause(ended=True)
  assert folder.has_ended


def test_whose_it_is_stays(folder):
  other = identity.Identity('other', 'def')
  assert folder.is_of(fakes.IDENTITY) and folder.is_of(other)  # It is empty.
  folder.begin(fakes.IDENTITY, 'one')
  folder.pause()
  folder.begin(fakes.IDENTITY, 'two')
  assert folder.is_of(fakes.IDENTITY)
  assert not folder.is_of(other)
  assert folder.read()['commit'] == 'one'  # With which it began.


def test_a_pause_before_the_begin_leaves_nothing(folder, tmp_path):
  folder.pause()
  assert not list(tmp_path.iterdir())
  assert list(folder.measurements()) == []


def _record(step, phase='practice', **more):
  return {'phase': phase, 'learner_step': step, 'success': {'a': {}}, **more}


def test_what_was_measured_of_lost_weights_does_not_count(folder):
  folder.begin(fakes.IDENTITY, 'c')
  _measure(
    folder,
    _record(10, 'pretrain'),
    _record(20),
    _record(30),
    {'phase': 'resume', 'learner_step': 20},
    _record(31),
  )
  steps = [record['learner_step'] for record in folder.measurements()]
  assert steps == [10, 20, 31]


def test_what_was_measured_twice_counts_once(folder):
  folder.begin(fakes.IDENTITY, 'c')
  real, other = {'bindings': ['x']}, {'bindings': ['y']}
  _measure(
    folder,
    _record(10, 'end', n=1),
    {'phase': 'resume', 'learner_step': 10},
    _record(10, 'end', n=2),
    _record(10, 'evaluate', **real),
    _record(10, 'evaluate', **other),
    _record(10, 'evaluate', **other),
  )
  found = list(folder.measurements())
  assert [record['phase'] for record in found] == [
    'end',
    'evaluate',
    'evaluate',
  ]
  assert found[0]['n'] == 2


def test_a_cut_line_is_passed_over(folder):
  folder.begin(fakes.IDENTITY, 'c')
  _measure(folder, _record(10))
  with open(f'{folder.path}/metrics.jsonl', 'a', encoding='utf-8') as file:
    file.write('{"phase": "pra')
  assert len(list(folder.measurements())) == 1


def test_policies_and_metrics_stay_when_it_is_tidied(folder, tmp_path):
  folder.begin(fakes.IDENTITY, 'c')
  _measure(folder, _record(10))
  for name in ('checkpoints', 'replay', 'tb', 'policies'):
    (tmp_path / 'a/b/0' / name / '1').mkdir(parents=True)
  folder.tidy()
  left = sorted(path.name for path in (tmp_path / 'a/b/0').iterdir())
  assert left == ['metrics.jsonl', 'policies', 'trial.json']
  folder.clear()
  assert not (tmp_path / 'a/b/0').exists()


def test_what_an_interrupted_clear_left_is_of_no_later_trial(folder):
  folder.begin(fakes.IDENTITY, 'c')
  left = os.path.join(folder.path, 'checkpoints')
  os.mkdir(left)
  folder.begin(fakes.IDENTITY, 'c')  # It goes on.
  assert os.path.exists(left)
  os.remove(os.path.join(folder.path, 'trial.json'))
  folder.begin(fakes.IDENTITY, 'c')
  assert not os.path.exists(left)
