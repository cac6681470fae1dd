import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from awopt_agent.trials.peers import process as process_lib

_WORKER = os.path.join(os.path.dirname(process_lib.__file__), 'worker')
_PROGRAM = f"""
import os, sys
sys.path.insert(0, {_WORKER!r})
import wire

def refuse(reason):
  raise ValueError(reason)

def fail():
  raise KeyError('a bug')

def die():
  print('it hurts', file=sys.stderr)
  sys.exit(3)

requests, answers = wire.take_pipes()
wire.serve(
  {{
    'echo': lambda **values: values,
    'chat': lambda: print('a library speaks') or {{}},
    'home': lambda: {{'path': os.environ.get('PYTHONPATH', 'none')}},
    'pid': lambda: {{'pid': os.getpid()}},
    'refuse': refuse,
    'fail': fail,
    'die': die,
  }},
  requests,
  answers,
)
"""
_PARENT = """
import sys, time
from awopt_agent.trials.peers import process
child = process.PeerProcess([sys.executable, '-c', {program!r}], log={log!r})
print(child.ask('pid')['pid'], flush=True)
time.sleep(60)
"""


@pytest.fixture(name='log')
def _log(tmp_path):
  return tmp_path / 'peer.log'


@pytest.fixture(name='process')
def _process(log):
  process = process_lib.PeerProcess(
    [sys.executable, '-c', _PROGRAM], log=str(log)
  )
  yield process
  process.close()


def _lives(pid):
  try:
    os.kill(pid, 0)
  except ProcessLookupError:
    return False
  return True


def test_it_answers_with_what_it_was_asked(process):
  answer = process.ask('echo', rows=np.ones((2, 3)), name='x')
  assert answer['rows'].shape == (2, 3)
  assert answer['name'] == 'x'


def test_what_libraries_print_disturbs_no_answer(process, log):
  assert process.ask('chat') == {}
  assert process.ask('echo', n=1) == {'n': 1}
  process.close()
  assert log.read_text() == 'a library speaks\n'


def test_threads_take_turns(process):
  wrong = []

  def ask(n):
    for _ in range(20):
      if process.ask('echo', n=n) != {'n': n}:
        wrong.append(n)

  threads = [threading.Thread(target=ask, args=(n,)) for n in range(3)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert not wrong


def test_it_does_not_find_our_libraries(process):
  assert process.ask('home') == {'path': 'none'}


def test_a_refusal_is_one_line_and_leaves_it_alive(process, log):
  with pytest.raises(ValueError, match='too large') as raised:
    process.ask('refuse', reason='too large')
  assert len(str(raised.value).splitlines()) == 1
  assert 'Traceback' in log.read_text()
  assert process.ask('echo', n=2) == {'n': 2}


def test_a_mistake_is_no_refusal(process):
  with pytest.raises(RuntimeError, match='a bug'):
    process.ask('fail')


def test_a_death_is_told_with_its_last_words(process):
  with pytest.raises(ChildProcessError, match='exit code 3.*it hurts'):
    process.ask('die')
  with pytest.raises(ChildProcessError):
    process.ask('echo')


def test_it_ends_when_it_is_closed(process):
  pid = process.ask('pid')['pid']
  process.close()
  assert not _lives(pid)


def test_it_ends_with_a_parent_that_was_killed(log):
  code = _PARENT.format(program=_PROGRAM, log=str(log))
  parent = subprocess.Popen(
    [sys.executable, '-c', code], stdout=subprocess.PIPE, text=True
  )
  pid = int(parent.stdout.readline())
  assert _lives(pid)
  parent.send_signal(signal.SIGKILL)
  parent.communicate()
  deadline = time.monotonic() + 30
  while _lives(pid) and time.monotonic() < deadline:
    time.sleep(0.05)
  assert not _lives(pid)


@pytest.mark.parametrize('python', ['nowhere/python', '.', __file__])
def test_a_python_that_is_none_is_named(python):
  with pytest.raises(FileNotFoundError, match='--d3rlpy .* is no program'):
    process_lib.command(python)


def test_the_command_is_a_program_of_ours_by_that_python():
  python, program = process_lib.command(sys.executable)
  assert python == sys.executable
  assert os.path.isfile(program)
