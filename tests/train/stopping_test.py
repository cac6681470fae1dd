import os
import pty
import signal
import sys

import pytest

from awopt_agent.train import stopping

_NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _handlers():
  kept = {n: signal.getsignal(n) for n in _NUMBERS}
  yield
  for number, handler in kept.items():
    signal.signal(number, handler)


@pytest.mark.parametrize('number', _NUMBERS)
def test_a_signal_is_a_request_and_no_exception(number):
  asked = stopping.catch_stop_signals()
  assert not asked()
  os.kill(os.getpid(), number)
  assert asked()
  assert stopping.was_asked()
  stopping.catch_stop_signals()
  assert not stopping.was_asked()


def test_what_nohup_ignores_stays_ignored():
  signal.signal(signal.SIGHUP, signal.SIG_IGN)
  asked = stopping.catch_stop_signals()
  os.kill(os.getpid(), signal.SIGHUP)
  assert not asked()


_IN_A_TERMINAL = """
import sys, time
from awopt_agent.train import stopping
asked = stopping.catch_stop_signals()
print('begun', flush=True)
while not asked():
  time.sleep(0.01)
print('on the way', flush=True)  # The terminal is gone: an error else.
open(sys.argv[1], 'w').close()  # What is saved.
"""


def test_who_loses_its_terminal_saves(tmp_path):
  saved = tmp_path / 'saved'
  pid, terminal = pty.fork()
  if not pid:
    os.execv(sys.executable, [sys.executable, '-c', _IN_A_TERMINAL, str(saved)])
  assert b'begun' in os.read(terminal, 100)
  os.close(terminal)  # The kernel sends SIGHUP.
  _, status = os.waitpid(pid, 0)
  assert os.waitstatus_to_exitcode(status) == 0
  assert saved.exists()


def test_who_insists_interrupts_at_once():
  stopping.catch_stop_signals()
  with pytest.raises(KeyboardInterrupt):
    for _ in range(3):
      os.kill(os.getpid(), signal.SIGINT)


def test_a_raiser_raises_once_a_stop_was_asked_for():
  asked = []
  check = stopping.raiser(lambda: bool(asked))
  check()
  asked.append(True)
  with pytest.raises(stopping.Stopped):
    check()
