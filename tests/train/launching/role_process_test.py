import os
import signal
import subprocess
import sys
import threading
import time

import pytest

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
    preexec_fn=role_process._settle(signal.SIGTERM, None),
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


@pytest.fixture(name='start')
def _start(tmp_path, monkeypatch):
  """Runs a fake role as an actor would, with its folder shared or not."""
  module = 'tests.train.launching.fake_role'
  monkeypatch.setattr(role_process, '_MODULE', module)
  monkeypatch.setattr(role_process, '_SHARED_LIMIT_S', 0.0)
  shared = tmp_path / 'shared'
  shared.write_text('token')

  def run(process, *arguments, **changes):
    given = {
      'log': str(tmp_path / 'log'),
      'shared': (str(shared), 'token'),
      'cwd': os.getcwd(),
      'python_path': '',
    }
    return process.run(['replay', *arguments], **{**given, **changes})

  return run


def test_a_role_runs_until_it_is_asked_to_stop(start, tmp_path):
  process = role_process.RoleProcess()

  def stop():
    log = tmp_path / 'log'
    while not log.exists() or not log.read_text():
      time.sleep(0.01)
    process.terminate()

  threading.Thread(target=stop).start()
  assert start(process) == (0, 'role: stopped')


def test_the_exit_code_and_the_last_line_come_back(start):
  found = start(role_process.RoleProcess(), '--fail')
  assert found == (1, 'role: no such thing')


def test_nothing_runs_after_a_stop(start, tmp_path):
  process = role_process.RoleProcess()
  process.terminate()
  assert start(process) == (-15, '')
  assert not (tmp_path / 'log').exists()


@pytest.mark.parametrize('text', ['another token', ''])
def test_a_folder_that_is_not_shared_is_named(start, tmp_path, text):
  path = tmp_path / 'other'
  if text:
    path.write_text(text)
  code, line = start(role_process.RoleProcess(), shared=(str(path), 'token'))
  assert code == 2
  assert f'--root_dir {tmp_path} on the node' in line
  assert 'mount one shared folder' in line


def test_a_log_that_cannot_be_written_is_named(start):
  code, line = start(role_process.RoleProcess(), log='/no/such/folder/log')
  assert code == 1
  assert '/no/such/folder/log' in line


def test_a_role_knows_nothing_of_ray(monkeypatch):
  monkeypatch.setenv('RAY_AUTH_TOKEN', 'secret')
  monkeypatch.setenv('PYTHONPATH', 'here')
  env = role_process._environment('ours')
  assert 'secret' not in env.values()
  assert env['PYTHONPATH'] == os.pathsep.join(['ours', 'here'])
