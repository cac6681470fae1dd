import os

import pytest

from awopt_agent.train import stopping
from awopt_agent.trials import commands, identity, preparing
from tests.trials import fakes

_ONE = 'record --task green_bowl --out demos/one'
_TWO = 'filter demos/one --out demos/two'


@pytest.fixture(name='made')
def _made(monkeypatch):
  """Puts a small program in the place of awopt-demos; returns its folders."""
  folders = []

  def recording(command, out):
    folders.append(out)
    code = 3 if 'fail' in command else 0
    flags = [f'--make={out}', f'--exit={code}']
    return commands.Command('tests.trials.fake_program', flags)

  monkeypatch.setattr(commands, 'recording', recording)
  return folders


@pytest.fixture(name='prepare')
def _prepare(tmp_path):
  def prepare(*demos, **kwargs):
    trials = [fakes.make_trial(demos=demos), fakes.make_trial(demos=demos)]
    core = min(os.sched_getaffinity(0))
    preparing.prepare(trials, str(tmp_path), core=core, **kwargs)

  return prepare


def test_sets_are_made_once_in_their_order(prepare, made, tmp_path):
  prepare(_ONE, _TWO)
  # Beside their place, in folders of their names.
  assert made == [
    f'{tmp_path}/demos/one.part/one',
    f'{tmp_path}/demos/two.part/two',
  ]
  assert (tmp_path / 'demos' / 'two').is_dir()
  assert not list(tmp_path.glob('demos/*.part'))
  prepare(_ONE, _TWO)
  assert len(made) == 2


def test_a_set_of_another_command_is_made_anew(prepare, made, tmp_path):
  prepare(_ONE)
  (tmp_path / 'demos' / 'one' / 'old').touch()
  prepare(f'{_ONE} --seed 1')
  assert len(made) == 2
  assert not (tmp_path / 'demos' / 'one' / 'old').exists()


def test_a_set_without_its_mark_is_not_trusted(prepare, made, tmp_path):
  (tmp_path / 'demos' / 'one').mkdir(parents=True)
  prepare(_ONE)
  assert len(made) == 1


def test_a_failure_is_told_by_its_last_line(prepare, made, tmp_path):
  with pytest.raises(ValueError, match='fail.* failed: in '):
    prepare('record --task fail --out demos/one')
  assert not (tmp_path / 'demos' / 'one').exists()


def test_a_stop_leaves_no_set(prepare, made, tmp_path):
  with pytest.raises(stopping.Stopped):
    prepare(_ONE, stop_requested=lambda: True)
  assert not (tmp_path / 'demos' / 'one').exists()


def test_the_mark_is_the_sum_by_which_trials_are_told_apart(
  prepare, made, tmp_path
):
  prepare(_ONE)
  mark = (tmp_path / 'demos' / 'one.made').read_text()
  assert mark == identity.made((_ONE,))['demos/one']
