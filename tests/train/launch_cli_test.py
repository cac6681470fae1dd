"""awopt-launch as a program; what it does then: tests/train/launching."""

import signal
import sys

import pytest

from awopt_agent import quiet
from awopt_agent.train import launch
from awopt_agent.train.launching import launcher


@pytest.fixture(name='run')
def _run(monkeypatch, capsys):
  """Runs awopt-launch around a launcher of its own: code, out, err, flags."""
  term = signal.getsignal(signal.SIGTERM)
  monkeypatch.setattr(quiet, 'drop_native_notices', lambda: None)

  def run(*arguments, does=lambda flags: 'learnt: all'):
    seen = []

    def act(flags):
      seen.append(flags)
      return does(flags)

    monkeypatch.setattr(launcher, 'launch', act)
    monkeypatch.setattr(sys, 'argv', ['awopt-launch', *arguments])
    try:
      launch.main()
      code = 0
    except SystemExit as end:
      code = end.code
    out, err = capsys.readouterr()
    if isinstance(code, str):  # Python itself prints it, and exits with 1.
      code, err = 1, err + code
    return code, out, err, seen

  yield run
  signal.signal(signal.SIGTERM, term)


def test_the_last_line_is_what_was_learnt(run):
  code, out, err, (flags,) = run('--root_dir', 'r', '--gin_file', 'a.gin')
  assert (code, out, err) == (0, 'learnt: all\n', '')
  assert (flags.root_dir, flags.gin_file, flags.seed) == ('r', ['a.gin'], 0)
  assert (flags.collectors, flags.bellman_updaters) == (1, 0)
  assert flags.evaluator
  assert not flags.dry_run


def test_counts_and_the_evaluator_are_flags(run):
  *_, (flags,) = run(
    *('--root_dir', 'r', '--collectors', '3', '--bellman_updaters', '2'),
    *('--no_evaluator', '--port', '7'),
  )
  assert (flags.collectors, flags.bellman_updaters, flags.port) == (3, 2, 7)
  assert not flags.evaluator


@pytest.mark.parametrize(
  ('arguments', 'named'),
  [
    ((), '--root_dir'),
    (('--root_dir', 'r', '--collectors', '-1'), '--collectors'),
    (('--root_dir', 'r', '--bellman_updaters', 'two'), '--bellman_updaters'),
    (('--root_dir', 'r', '--seed', '-1'), '--seed'),
    (('--root_dir', 'r', '--learners', '2'), '--learners'),
  ],
)
def test_bad_usage_is_one_line_and_code_2(run, arguments, named):
  code, out, err, seen = run(*arguments)
  assert (code, out, seen) == (2, '', [])
  (line,) = err.splitlines()
  assert line.startswith('awopt-launch: ')
  assert named in line


def test_a_role_that_fails_is_one_line_and_code_1(run):
  def fail(flags):
    raise ValueError('learner failed 4 times, the last time by: x\nmore')

  code, out, err, _ = run('--root_dir', 'r', does=fail)
  assert (code, out) == (1, '')
  assert err == ('awopt-launch: learner failed 4 times, the last time by: x')
