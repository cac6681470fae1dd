import threading
import time

import pytest

from awopt_agent.experience.wire import connection as connection_lib
from awopt_agent.train import stopping
from awopt_agent.train.roles import watch as watch_lib


def _watch(*, limit_s=30.0, stop=lambda: False):
  return watch_lib.Watch(
    connection_lib.Connection('host:1', role='learner'),
    table='success',
    limit_s=limit_s,
    stop_requested=stop,
  )


@pytest.fixture(name='hang')
def _hang():
  """A function that hangs until the end of the test."""
  ended = threading.Event()
  yield ended.wait
  ended.set()


def test_returns_what_the_function_does():
  assert _watch().run(lambda: 7, what='for a batch') == 7


def test_raises_what_the_function_does():
  with pytest.raises(ZeroDivisionError):
    _watch().run(lambda: 1 / 0, what='for a batch')


def test_a_function_that_hangs_ends_with_an_error_that_names_all(hang):
  began = time.monotonic()
  with pytest.raises(TimeoutError) as raised:
    _watch(limit_s=0.1).run(hang, what='for a batch')
  assert time.monotonic() - began < 5
  line = str(raised.value)
  for part in ('learner: ', 'for a batch', "'success'", 'host:1'):
    assert part in line


def test_a_stop_lets_the_function_end_first():
  ended = []

  def function():
    time.sleep(0.1)
    ended.append(True)

  with pytest.raises(stopping.Stopped):
    _watch(stop=lambda: True).run(function, what='for a batch')
  assert ended


def test_a_stop_does_not_hide_what_the_function_raises():
  def function():
    time.sleep(0.1)
    raise ValueError('critic_loss became NaN')

  with pytest.raises(ValueError, match='became NaN'):
    _watch(stop=lambda: True).run(function, what='for a batch')


def test_a_stop_ends_a_function_that_hangs(hang, monkeypatch):
  monkeypatch.setattr(watch_lib, '_LAST_CHANCE_S', 0.1)
  began = time.monotonic()
  with pytest.raises(TimeoutError, match='for a batch'):
    _watch(stop=lambda: True).run(hang, what='for a batch')
  assert time.monotonic() - began < 5
