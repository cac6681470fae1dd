import signal
import subprocess
import sys
import time

from awopt_agent.train.launching import role_process


def test_the_last_line_is_the_last_that_says_something(tmp_path):
  log = tmp_path / 'log'
  assert role_process.read_last_line(str(log)) == ''
  log.write_text('one\ntwo\n\n')
  assert role_process.read_last_line(str(log)) == 'two'


_PARENT = """
import signal, subprocess, sys
from awopt_agent.train.launching import role_process
child = subprocess.Popen(
    ['sleep', '60'],
    preexec_fn=role_process._on_parents_death(signal.SIGTERM),
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
