import os

import pytest

from awopt_agent.trials import (
  commands,
  identity,
  planning,
  records,
  running,
  suite,
  trial_folder,
)
from tests.trials import fakes

_PROGRAM = 'tests.trials.fake_program'


@pytest.fixture(name='programs')
def _programs(monkeypatch):
  """Puts small programs in the place of trainings; holds their flags.

  Returns:
    A dictionary, to which flags may be added by the trials' names.
  """
  flags = {}
  started = []

  def training(trial, folder, d3rlpy):
    started.append(trial.name)
    more = flags.get(trial.name, [])
    return commands.Command(_PROGRAM, [f'--root_dir={folder}', *more])

  monkeypatch.setattr(commands, 'training', training)
  flags['started'] = started
  return flags


@pytest.fixture(name='run')
def _run(tmp_path, programs):
  """Runs trials; returns the outcome."""

  def run(trials, *, cores=None, stop=lambda: False):
    runner = running.Runner(
      root_dir=str(tmp_path),
      records_dir=str(tmp_path / 'records'),
      cores=cores or running.cores(1),
      stop_requested=stop,
    )
    return runner.run(
      [
        planning.Planned(one, identity.of(one), planning.State.MISSING)
        for one in trials
      ]
    )

  return run


def _trials(count):
  return [fakes.make_trial(seed=seed) for seed in range(count)]


def _folder(tmp_path, trial):
  return trial_folder.TrialFolder(str(tmp_path), trial.name)


def test_trials_run_in_their_order_and_are_recorded(run, tmp_path, programs):
  trials = _trials(3)
  outcome = run(trials)
  assert (outcome.done, outcome.failed) == (3, [])
  assert programs['started'] == [trial.name for trial in trials]
  found = records.read_all(str(tmp_path / 'records'))
  assert [record.trial for record in found] == programs['started']
  assert found[0].sources == identity.of(trials[0]).sources
  assert 0 < found[0].seconds < 60


def test_a_trial_that_measured_nothing_fails_and_the_others_go_on(
  run, programs, capsys
):
  trials = _trials(3)
  programs[trials[1].name] = ['--measure_nothing']
  for _ in range(2):  # The next command tries it again, and says so again.
    outcome = run(trials)
    assert (outcome.done, outcome.failed) == (2, [trials[1].name])
    assert 'no measurement of the end' in capsys.readouterr().out


def test_a_run_under_two_names_is_run_once(run, tmp_path, programs):
  first = fakes.make_trial(variant='awac_p')
  # The same files by another name, another seed, and other settings.
  again = fakes.make_trial(variant='explorer_actor')
  seed = fakes.make_trial(variant='explorer_actor', seed=1)
  other = fakes.make_trial(variant='awac', bindings=('make.robot = "panda"',))
  assert run([first, again, seed, other]).done == 4
  assert programs['started'] == [first.name, seed.name, other.name]
  found = {r.trial: r for r in records.read_all(str(tmp_path / 'records'))}
  assert found[again.name].same_as == 'awac_p'
  assert found[again.name].points == found[first.name].points
  assert [r.same_as for r in found.values()].count('') == 3


def test_a_line_tells_what_each_trial_came_to(run, capsys):
  run(_trials(1))
  # Wilson at 90%: scale 1 + 2.705543 / 7 = 1.386506; middle (.428571 +
  # 2.705543 / 14) / 1.386506 = .448482; half 1.644854 / 1.386506 *
  # sqrt(.428571 * .571429 / 7 + 2.705543 / 196) = .261.
  assert (
    'bowl/awopt/0: success 0.43 [0.19, 0.71] of 7 (end) after 5 episodes'
    in (capsys.readouterr().out)
  )


def test_a_failure_is_named_and_the_others_go_on(run, programs, capsys):
  trials = _trials(2)
  programs[trials[0].name] = ['--exit=3']
  outcome = run(trials)
  assert (outcome.done, outcome.failed) == (1, ['bowl/awopt/0'])
  out = capsys.readouterr().out
  assert 'bowl/awopt/0 failed: in ' in out  # Its last line.
  assert 'trial.log' in out


def test_a_stop_lets_trials_save_and_they_go_on(run, programs, tmp_path):
  trials = _trials(2)
  programs[trials[0].name] = ['--wait']
  folder = _folder(tmp_path, trials[0])
  waits = lambda: os.path.exists(f'{folder.path}/waited')  # noqa: E731
  outcome = run(trials, stop=waits)
  assert (outcome.done, outcome.failed) == (0, [])
  with open(folder.log, encoding='utf-8') as file:
    assert file.read().endswith('stopped, saved\n')
  before = folder.seconds()
  assert folder.read()['spans'][-1][1] is not None
  assert run(trials).done == 2
  assert programs['started'] == [trials[0].name, *(t.name for t in trials)]
  assert folder.seconds() > before
  assert len(folder.read()['spans']) == 2


def test_two_trials_share_no_core(run, programs, tmp_path):
  cores = running.cores(None)
  if len(cores) < 2:
    pytest.skip('this machine has one core')
  trials = _trials(2)
  for trial in trials:
    programs[trial.name] = ['--wait']
  folders = [_folder(tmp_path, trial) for trial in trials]

  def both_wait():
    return all(os.path.exists(f'{one.path}/waited') for one in folders)

  run(trials, cores=cores[:2], stop=both_wait)
  used = set()
  for folder in folders:
    with open(folder.log, encoding='utf-8') as file:
      used.add(file.readline().split(' on ')[1].strip())
  assert used == {f'[{core}]' for core in cores[:2]}


def test_an_evaluation_follows_the_training_once(run, monkeypatch, tmp_path):
  wanted = suite.Evaluation(["make.world = 'real'"], 4)
  asked = []

  def evaluation(trial, folder, policy):
    asked.append(policy)
    return commands.Command(
      'tests.trials.fake_program', ['--evaluated', folder]
    )

  monkeypatch.setattr(commands, 'evaluation', evaluation)
  trial = fakes.make_trial(evaluation=wanted)
  assert run([trial]).done == 1
  assert asked == ['cem']
  (record,) = records.read_all(str(tmp_path / 'records'))
  assert [point.phase for point in record.points] == ['end', 'evaluate']


def test_a_trial_that_had_ended_is_recorded_without_a_run(
  run, programs, tmp_path
):
  trial = fakes.make_trial()
  folder = _folder(tmp_path, trial)
  folder.begin(identity.of(trial), '')
  fakes.leave_run(folder.path)
  folder.pause(ended=True)
  assert run([trial]).done == 1
  assert programs['started'] == []
  assert records.read_all(str(tmp_path / 'records'))


def test_code_that_changed_on_the_way_ends_the_command(tmp_path, programs):
  runner = running.Runner(
    root_dir=str(tmp_path), records_dir='unused', cores=running.cores(1)
  )
  planned = planning.Planned(
    fakes.make_trial(), fakes.IDENTITY, planning.State.MISSING
  )
  with pytest.raises(ValueError, match='have changed .* start it again'):
    runner.run([planned])
  assert programs['started'] == []


def test_code_that_changed_in_a_training_evaluates_nothing(
  run, monkeypatch, tmp_path
):
  trial = fakes.make_trial(
    evaluation=suite.Evaluation(["make.world = 'real'"], 4)
  )
  before = identity.of(trial)
  found = iter((before, before))
  monkeypatch.setattr(identity, 'of', lambda trial: next(found, fakes.IDENTITY))
  monkeypatch.setattr(commands, 'evaluation', lambda *_: ['unused'])
  with pytest.raises(ValueError, match='have changed .* start it again'):
    run([trial])
  assert not records.read_all(str(tmp_path / 'records'))


def test_what_takes_room_goes_once_it_is_recorded(run, tmp_path, programs):
  trial = fakes.make_trial()
  folder = _folder(tmp_path, trial)
  os.makedirs(f'{folder.path}/checkpoints/1')
  run([trial])
  assert sorted(os.listdir(folder.path)) == [
    'config.gin',
    'metrics.jsonl',
    'trial.json',
    'trial.log',
  ]


def test_a_kill_of_a_trial_is_a_failure_of_it(run, programs, tmp_path, capsys):
  trial = fakes.make_trial()
  programs[trial.name] = ['--kill']
  outcome = run([trial])
  assert outcome.failed == [trial.name]
  assert 'failed: killed by signal 9' in capsys.readouterr().out


@pytest.mark.parametrize('jobs', [0, 100_000])
def test_there_is_a_core_for_each_trial(jobs):
  with pytest.raises(ValueError, match=r'--jobs must be in 1\.\.'):
    running.cores(jobs)


def test_without_a_number_all_cores_are_used():
  assert running.cores(None) == sorted(os.sched_getaffinity(0))
