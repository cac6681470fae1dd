import signal
import subprocess
import sys

import pytest

from awopt_agent.train import command_line

_PROGRAM = """
import sys, time
from awopt_agent.train import command_line
with command_line.one_line_errors('prog'):
  try:
    print('ready', flush=True)
    {body}
  finally:
    print('cleaned', flush=True)
"""


def _start(body):
  return subprocess.Popen(
    [sys.executable, '-c', _PROGRAM.format(body=body)],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


@pytest.fixture(autouse=True)
def _keep_signals():
  handler = signal.getsignal(signal.SIGTERM)
  yield
  signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize(
  'error, line',
  [
    (ValueError('wrong number\n  In call to something'), 'prog: wrong number'),
    (FileNotFoundError('no folder x'), 'prog: no folder x'),
    (ValueError(), 'prog: ValueError'),
    (KeyboardInterrupt(), 'prog: interrupted.'),
  ],
)
def test_errors_that_a_user_can_mend_become_one_line(error, line):
  with pytest.raises(SystemExit) as raised:
    with command_line.one_line_errors('prog'):
      raise error
  assert raised.value.code == line


def test_our_own_mistakes_keep_their_traceback():
  with pytest.raises(TypeError):
    with command_line.one_line_errors('prog'):
      raise TypeError('a bug')


@pytest.mark.parametrize(
  'sent, code', [(signal.SIGTERM, 143), (signal.SIGINT, 1)]
)
def test_a_signal_ends_the_program_after_its_cleaning(sent, code):
  process = _start('time.sleep(60)')
  assert process.stdout.readline() == 'ready\n'
  process.send_signal(sent)
  out, err = process.communicate(timeout=30)
  assert process.returncode == code
  assert out == 'cleaned\n'
  assert 'Traceback' not in err


def test_a_reader_that_leaves_ends_the_program_quietly_but_not_well():
  process = _start('[print("x" * 100) for _ in range(10**5)]; sys.exit(0)')
  process.stdout.readline()
  process.stdout.close()
  assert process.stderr.read() == ''
  process.stderr.close()
  assert process.wait(timeout=30) == 141  # As by SIGPIPE.


def test_bad_usage_is_one_line_and_code_2(capsys):
  parser = command_line.Parser('prog')
  parser.add_argument('--count', type=int)
  with pytest.raises(SystemExit) as raised:
    parser.parse_args(['--count', 'many'])
  assert raised.value.code == 2
  (line,) = capsys.readouterr().err.splitlines()
  assert line.startswith('prog: argument --count')
  assert line.endswith('see prog --help.')
