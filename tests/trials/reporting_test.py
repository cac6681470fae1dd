import argparse
import signal
import sys

import gin
import pytest

from awopt_agent.trials import (
  commands,
  identity,
  records,
  report_cli,
  reporting,
  trial_folder,
)
from tests.trials import fakes

_SUITE = """
Grid.name = 'bowl'
Grid.task = 'green_bowl'
Grid.variants = ['awopt']
Grid.seeds = [0, 1]
Grid.bindings = ['TrainConfig.pretrain_steps = 10']
Suite.grids = [@Grid()]
"""


@pytest.fixture(name='report')
def _report(monkeypatch, tmp_path, signals):
  """Runs awopt-report with small programs: code, stdout and stderr."""

  def training(trial, folder, d3rlpy):
    code = 3 if trial.variant == 'bc' else 0
    flags = [f'--root_dir={folder}', f'--exit={code}']
    return commands.Command('tests.trials.fake_program', flags)

  monkeypatch.setattr(commands, 'training', training)
  path = tmp_path / 'mine.gin'

  def report(*flags, text=_SUITE, suites=(str(path),)):
    path.write_text(text)
    return argparse.Namespace(
      suite=list(suites),
      root_dir=str(tmp_path / 'trials'),
      records=str(tmp_path / 'records'),
      jobs=1,
      d3rlpy=None,
      **{name: name in flags for name in ('list', 'dry_run', 'redo')},
    )

  yield lambda *args, **kwargs: reporting.run(report(*args, **kwargs))
  gin.clear_config()


@pytest.fixture(name='signals')
def _signals():
  """Restores the handlers of signals."""
  numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
  before = {number: signal.getsignal(number) for number in numbers}
  yield
  for number, handler in before.items():
    signal.signal(number, handler)


def test_a_suite_is_run_and_then_done(report, tmp_path):
  line = report()
  assert line == f'2 of 2 trials done; records in {tmp_path}/records'
  assert report() == line
  assert report('list') == 'bowl/awopt: seeds done 0 1\n2 trials: 2 done'


def test_a_dry_run_leaves_nothing(report, tmp_path):
  assert report('dry_run').startswith('dry run: 1 methods')
  assert not (tmp_path / 'trials').exists()


def test_failures_end_with_an_error_and_are_tried_again(report):
  text = _SUITE.replace("['awopt']", "['awopt', 'bc']")
  for _ in range(2):
    with pytest.raises(SystemExit, match=r'2 of 4 .*2 failed \(bowl/bc/0 '):
      report(text=text)


def test_stale_records_are_named_and_kept_until_redo(report, tmp_path):
  report()
  changed = _SUITE.replace('= 10', '= 11')
  with pytest.raises(SystemExit, match='0 of 2 .*2 stale .*--redo'):
    report(text=changed)
  before = records.read_all(str(tmp_path / 'records'))
  assert report(text=_SUITE)  # Nothing was overwritten.
  assert report('redo', text=changed).startswith('2 of 2')
  after = records.read_all(str(tmp_path / 'records'))
  assert before[0].settings != after[0].settings


def test_redo_goes_on_with_what_it_began(report, tmp_path):
  trial = fakes.make_trial()
  folder = trial_folder.TrialFolder(str(tmp_path / 'trials'), trial.name)
  old = fakes.make_record(variant='awopt', seed=0)
  records.write(old, str(tmp_path / 'records'))
  folder.begin(identity.of(trial), 'begun by an earlier redo')
  report('redo')
  found = records.read_all(str(tmp_path / 'records'))
  assert found[0].commit == 'begun by an earlier redo'


def test_a_stop_says_that_the_same_command_goes_on(report, monkeypatch):
  monkeypatch.setattr(
    reporting.stopping, 'catch_stop_signals', lambda: lambda: True
  )
  with pytest.raises(SystemExit, match='stopped, 0 of 2 .* goes on'):
    report()


def test_peers_without_an_environment_are_named_and_no_error(report):
  text = _SUITE.replace("['awopt']", "['awopt', 'd3rlpy_iql']")
  assert '2 left out (bowl/d3rlpy_iql/0 ' in report(text=text)


def test_another_report_in_the_same_folder_is_refused(report, tmp_path):
  folder = reporting.run_folder.RunFolder(str(tmp_path / 'trials'))
  folder.check_disk()
  folder.lock()
  with pytest.raises(OSError, match='is at work in'):
    report()


@pytest.mark.parametrize(
  'flags',
  [['--list'], ['--redo'], ['--jobs', '0', '--suite', 'smoke'], ['--nope']],
)
def test_bad_usage_is_one_line_and_code_2(flags, monkeypatch, capsys):
  monkeypatch.setattr(sys, 'argv', ['awopt-report', *flags])
  with pytest.raises(SystemExit) as raised:
    report_cli.main()
  assert raised.value.code == 2
  assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_unknown_suite_is_one_line_and_code_1(monkeypatch, signals):
  monkeypatch.setattr(sys, 'argv', ['awopt-report', '--suite', 'nope'])
  with pytest.raises(SystemExit, match=r'^awopt-report: .*suite/nope\.gin'):
    report_cli.main()


def test_records_of_a_checkout_are_among_its_documents():
  assert reporting._default_records('runs/x').endswith('docs/results/records')


def test_without_a_suite_the_report_is_made(report, tmp_path):
  report()
  line = report(suites=[])
  assert line.startswith(f'{tmp_path}/results.html: 2 trials; ')
  assert (tmp_path / 'results.md').exists()


def test_the_report_of_other_records_stays_beside_them(monkeypatch):
  def folder(*flags):
    monkeypatch.setattr(sys, 'argv', ['awopt-report', *flags])
    return reporting._report_folder(report_cli._parse())

  assert folder('--records', '/else/records') == '/else'
  assert folder().endswith('docs')
  monkeypatch.setattr(reporting.resources, 'gin_root', lambda: '/nowhere/gin')
  assert folder('--root_dir', 'runs/x') == 'runs/x'
  assert reporting._default_records('runs/x') == 'runs/x/results/records'
