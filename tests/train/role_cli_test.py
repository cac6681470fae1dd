"""awopt-role as a program, but for TensorFlow: its flags, and how it ends."""

import importlib.util
import signal
import sys
import types

import pytest

from awopt_agent import quiet
from awopt_agent.train import role, stopping

_COMMON = ('--root_dir', 'r')
_REACH = (*_COMMON, '--replay_address', 'somewhere:7')
_WHOLE = {
  'replay': (*_COMMON, '--port', '7'),
  'learner': _REACH,
  'collector': _REACH,
  'bellman_updater': _REACH,
  'evaluator': _REACH,
}


class _Ended(Exception):  # noqa: N818
  """In the place of `os._exit`, after which nothing runs."""


@pytest.fixture(name='run')
def _run(monkeypatch, capsys):
  """Runs awopt-role with a role of its own: code, stdout, stderr, flags."""
  numbers = signal.SIGTERM, signal.SIGINT, signal.SIGHUP
  handlers = {n: signal.getsignal(n) for n in numbers}
  monkeypatch.setattr(quiet, 'drop_native_notices', lambda: None)
  ended = []

  def end(code):
    ended.append(code)
    raise _Ended

  monkeypatch.setattr(role.os, '_exit', end)

  def run(*arguments, does=lambda flags: 'all done'):
    seen = []

    def act(flags):
      seen.append(flags)
      return does(flags)

    monkeypatch.setattr(
      role.importlib,
      'import_module',
      lambda name: types.SimpleNamespace(run=act),
    )
    monkeypatch.setattr(sys, 'argv', ['awopt-role', *arguments])
    stopping.catch_stop_signals()
    try:
      role.main()
    except _Ended:
      code = ended.pop()
    except SystemExit as error:  # Of the parser.
      code = error.code
    out, err = capsys.readouterr()
    return code, out, err, seen

  yield run
  for number, handler in handlers.items():
    signal.signal(number, handler)


@pytest.mark.parametrize('name', _WHOLE)
def test_every_role_says_its_last_line(run, name):
  code, out, err, (flags,) = run(name, *_WHOLE[name])
  assert (code, out, err) == (0, 'all done\n', '')
  assert (flags.root_dir, flags.seed, flags.gin_file) == ('r', 0, [])


def test_every_role_has_a_module():
  for module, _ in role._ROLES.values():
    assert importlib.util.find_spec(f'awopt_agent.train.roles.{module}')


@pytest.mark.parametrize(
  ('arguments', 'named'),
  [
    ((), 'role'),
    (('nobody',), 'nobody'),
    (('replay', *_COMMON), '--port'),
    (('replay', '--port', '7'), '--root_dir'),
    (('learner', *_COMMON), '--replay_address'),
    (('learner', *_REACH, '--targets', 'mine'), '--targets'),
    (('collector', *_REACH, '--index', '-1'), '--index'),
    (('evaluator', *_REACH, '--seed', '-1'), '--seed'),
    (('evaluator', *_REACH, '--index', '1'), '--index'),
  ],
)
def test_bad_usage_is_one_line_and_code_2(run, arguments, named):
  code, out, err, seen = run(*arguments)
  assert (code, out, seen) == (2, '', [])
  (line,) = err.splitlines()
  assert line.startswith('awopt-role')
  assert named in line


def _fail(error):
  def does(flags):
    raise error

  return does


@pytest.mark.parametrize(
  'error',
  [
    ValueError('TrainConfig.x is wrong\nmore of it'),
    OSError('the disk is full'),
    TimeoutError('learner: waited 600 s'),
  ],
)
def test_what_a_user_can_mend_is_one_line_and_code_1(run, error):
  code, out, err, _ = run('learner', *_REACH, does=_fail(error))
  assert (code, out) == (1, '')
  assert err == f'awopt-role: {str(error).splitlines()[0]}\n'


def test_a_fault_of_our_own_ends_the_process_too(run):
  # Else a thread that waits in Reverb keeps it for ever.
  code, out, err, _ = run('learner', *_REACH, does=_fail(KeyError('no such')))
  assert (code, out) == (1, '')
  assert err.startswith('Traceback')
  assert err.endswith("KeyError: 'no such'\n")


def test_a_role_that_was_stopped_is_told_from_one_that_is_done(run):
  def stop_in_the_middle(flags):
    stopping.catch_stop_signals()  # As every role begins.
    signal.raise_signal(signal.SIGTERM)
    return 'collector: 3 episodes of practice'

  code, out, _, _ = run('collector', *_REACH, does=stop_in_the_middle)
  assert (code, out) == (143, 'collector: 3 episodes of practice\n')


def test_flags_have_defaults_for_a_single_role_of_a_kind(run):
  *_, (flags,) = run('collector', *_REACH)
  assert (flags.index, flags.spool_dir) == (0, None)
  *_, (flags,) = run('learner', *_REACH)
  assert (flags.targets, flags.strategy) == ('own', 'none')
