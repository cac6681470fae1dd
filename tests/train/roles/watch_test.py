import threading
import time

import pytest

from awopt_agent.experience.wire import connection as connection_lib
from awopt_agent.train import stopping
from awopt_agent.train.roles import watch as watch_lib


def _watch(*, limit_s=30.0, stop=lambda: False, **more):
  return watch_lib.Watch(
    connection_lib.Connection('host:1', role='learner'),
    table='success',
    limit_s=limit_s,
    stop_requested=stop,
    **more,
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
  with pytest.raises(stopping.Stopped):
    _watch(stop=lambda: True).run(hang, what='for a batch')
  assert time.monotonic() - began < 5


def _steps(count, *, each_s):
  """Returns a function of so many steps, and how many it has taken."""
  taken = [0]

  def run():
    for _ in range(count):
      time.sleep(each_s)
      taken[0] += 1
    return taken[0]

  return run, lambda: taken[0]


def test_slow_steps_are_no_hang():
  run, progress = _steps(6, each_s=0.1)
  watch = _watch(limit_s=0.3, progress=progress)
  assert watch.run(run, what='for a batch') == 6


def test_a_stop_lets_slow_steps_end(monkeypatch):
  monkeypatch.setattr(watch_lib, '_LAST_CHANCE_S', 0.3)
  run, progress = _steps(6, each_s=0.1)
  with pytest.raises(stopping.Stopped):
    _watch(stop=lambda: True, progress=progress).run(run, what='for a batch')
  assert progress() == 6


def test_who_waits_does_meanwhile_what_may_end_the_wait(hang, monkeypatch):
  monkeypatch.setattr(watch_lib, '_STILL_S', 0.1)
  calls = []
  with pytest.raises(TimeoutError):
    _watch(limit_s=0.5, when_still=lambda: calls.append(1)).run(
      hang, what='for a batch'
    )
  assert 2 <= len(calls) <= 4
