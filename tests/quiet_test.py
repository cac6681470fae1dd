import signal
import subprocess
import sys

import pytest

_PROGRAM = """
from awopt_agent import quiet
import tensorflow
import tensorflow_datasets
import rlds
from awopt_agent import envs
environment = envs.make('green_bowl')
environment.reset()
environment.close()
environment = envs.make('CartPole-v1')
environment.reset()
environment.render()
environment.close()
print('done')
"""


def _run(program, tmp_path):
  # Without the settings that the tests themselves run with.
  return subprocess.run(
    [sys.executable, '-c', program],
    capture_output=True,
    text=True,
    env={'HOME': str(tmp_path), 'PATH': ''},
    check=True,
  )


def test_nothing_but_our_own_words_reaches_the_terminal(tmp_path):
  done = _run(_PROGRAM, tmp_path)
  assert (done.stdout, done.stderr) == ('done\n', '')


def test_the_package_alone_leaves_the_environment_as_it_is(tmp_path):
  # TensorFlow sets some variables of its own when it is imported.
  program = 'import awopt_agent, sys; print("awopt_agent.quiet" in sys.modules)'
  assert _run(program, tmp_path).stdout == 'False\n'


_FILTERED = """
import ctypes, os, sys
from awopt_agent import quiet
quiet.drop_native_notices()
for line in {lines}:
  os.write(2, line.encode())
{end}
"""
_NOTICES = (
  'default/server.cc:71] Started replay server on port 3',
  'default/server.cc:84] Shutting down replay server',
  'tfrecord_checkpointer.cc:162]  Initializing TFRecordCheckpointer in /x.',
  'tfrecord_checkpointer.cc:286] Loading checkpoint from /x',
  "tfrecord_checkpointer.cc:341] Metadata for table 'a' was successfully l",
  'tfrecord_checkpointer.cc:447] Still reading compressed trajectory data.',
  'tfrecord_checkpointer.cc:534] Table a and 5 items have been successfully',
)


def _stderr(tmp_path, lines, end='pass', code=0):
  done = subprocess.run(
    [sys.executable, '-c', _FILTERED.format(lines=lines, end=end)],
    capture_output=True,
    text=True,
    env={'HOME': str(tmp_path), 'PATH': '', 'PYTHONIOENCODING': 'ascii'},
    check=False,
  )
  assert done.returncode == code
  return done.stderr


def test_reverbs_notices_are_dropped(tmp_path):
  lines = [f'[reverb/cc/platform/{notice}\n' for notice in _NOTICES]
  assert _stderr(tmp_path, lines) == ''


def test_rays_attempts_to_connect_are_dropped(tmp_path):
  head = '[2026-11-23 08:11:15,216 W 4036 4036] '
  lines = [
    f'{head}rpc_client.h:153: Failed to connect to GCS at address x\n',
    f'{head}gcs_client.cc:210: Failed to get cluster ID from GCS server\n',
    f'{head}other.cc:1: Something else\n',
  ]
  assert _stderr(tmp_path, lines) == lines[-1]


def test_libjpegs_words_on_a_damaged_picture_are_dropped(tmp_path):
  lines = ['Improper call to JPEG library in state 201\n', 'JPEG, or else\n']
  assert _stderr(tmp_path, lines) == lines[-1]


def test_all_other_lines_of_native_code_pass_whole_and_in_order(tmp_path):
  lines = [
    '[reverb/cc/platform/default/server.cc:9] Something went wrong\n',
    'Fatal: [reverb/cc/x.cc:1] Started replay server\n',
    'x' * 5000 + '\n',
    'a line in ',
    'two parts\n',
  ]
  assert _stderr(tmp_path, lines) == ''.join(lines)


@pytest.mark.parametrize(
  'end, code, expected',
  [
    ("print('own words', file=sys.stderr)", 0, 'own words\n'),
    ("sys.exit('the end')", 1, 'the end\n'),
    # A letter that the terminal lacks must not become an error.
    ("sys.stderr.write('\\u2713')", 0, '\\u2713'),
    ("sys.stderr.write('no newline')", 0, 'no newline'),
    ('assert sys.stderr.fileno() != 2', 0, ''),
    ('assert not sys.stderr.isatty()', 0, ''),
  ],
)
def test_pythons_own_stderr_works_as_before(tmp_path, end, code, expected):
  assert _stderr(tmp_path, [], end, code) == expected


def test_a_traceback_arrives_whole(tmp_path):
  err = _stderr(tmp_path, [], 'raise TypeError("a bug")', code=1)
  assert err.startswith('Traceback')
  assert err.endswith('TypeError: a bug\n')


def test_the_last_words_of_an_abort_arrive(tmp_path):
  lines = [f'line {number}\n' for number in range(1000)]
  end = 'ctypes.CDLL(None).abort()'
  assert _stderr(tmp_path, lines, end, -signal.SIGABRT) == ''.join(lines)


def test_ctrl_c_ends_the_program_and_not_its_last_words(tmp_path):
  end = """
import signal
os.setpgid(0, 0)
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.killpg(0, signal.SIGINT)
os.write(2, b'saved')
"""
  assert _stderr(tmp_path, [], end) == 'saved'
