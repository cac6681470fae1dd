import os
import signal

import pytest

from awopt_agent.train import stopping


@pytest.fixture(autouse=True)
def _handlers():
  kept = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
  yield
  for number, handler in kept.items():
    signal.signal(number, handler)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_request_and_no_exception(number):
  asked = stopping.catch_stop_signals()
  assert not asked()
  os.kill(os.getpid(), number)
  assert asked()
  assert stopping.was_asked()
  stopping.catch_stop_signals()
  assert not stopping.was_asked()


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
