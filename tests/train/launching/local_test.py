import os
import signal
import subprocess
import sys
import time

from awopt_agent.train.launching import local


def test_a_role_keeps_what_it_prints_and_its_exit_code(tmp_path):
  place = local.LocalPlace(str(tmp_path / 'logs'))
  handle = place.start('nobody', ['no_such_role'])
  assert handle.wait(60) == 2
  assert 'no_such_role' in place.last_line('nobody')


def test_the_last_line_is_the_last_that_says_something(tmp_path):
  log = tmp_path / 'log'
  assert local.read_last_line(str(log)) == ''
  log.write_text('one\ntwo\n\n')
  assert local.read_last_line(str(log)) == 'two'


_PARENT = """
import subprocess, sys
from awopt_agent.train.launching import local
child = subprocess.Popen(
    ['sleep', '60'], preexec_fn=local._end_with_parent(),
    start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


def test_a_role_ends_with_a_launcher_that_was_killed():
  parent = subprocess.Popen(
    [sys.executable, '-c', _PARENT], stdout=subprocess.PIPE, text=True
  )
  child = int(parent.stdout.readline())
  parent.send_signal(signal.SIGKILL)
  parent.wait()
  end = time.monotonic() + 10
  while time.monotonic() < end and _is_alive(child):
    time.sleep(0.05)
  assert not _is_alive(child)


def _is_alive(pid):
  try:
    with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
      return file.read().split(')')[1].split()[0] != 'Z'
  except OSError:
    return False


def test_makes_the_folder_of_logs(tmp_path):
  local.LocalPlace(str(tmp_path / 'a' / 'b'))
  assert os.path.isdir(tmp_path / 'a' / 'b')
