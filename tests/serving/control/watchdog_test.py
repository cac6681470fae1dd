import threading
import time

import pytest

from awopt_agent.serving.control import faults, watchdog

# They keep a clock, and so have the machine to themselves.
pytestmark = pytest.mark.programs

Kind = faults.Kind


class Trips:
  """Notes what a watchdog says, and when."""

  def __init__(self):
    self.seen = []
    self.came = threading.Event()

  def __call__(self, kind, reason):
    self.seen.append((kind, reason, time.monotonic()))
    self.came.set()


@pytest.fixture(name='trips')
def _trips():
  return Trips()


def test_trips_at_the_first_thing_that_does_not_come(trips):
  with watchdog.Watchdog(trips) as dog:
    now = time.monotonic()
    dog.expect('camera', now + 60, Kind.CAMERA, 'no picture.')
    dog.expect('step', now + 0.05, Kind.DEADLINE, 'no step.')
    assert trips.came.wait(5)
  ((kind, reason, when),) = trips.seen
  assert (kind, reason) == (Kind.DEADLINE, 'no step.')
  assert 0.05 <= when - now < 0.5


def test_is_quiet_while_what_it_expects_comes(trips):
  with watchdog.Watchdog(trips) as dog:
    for _ in range(10):
      dog.expect('step', time.monotonic() + 0.1, Kind.DEADLINE, 'no step.')
      time.sleep(0.02)
  time.sleep(0.15)
  assert trips.seen == []


def test_a_picture_may_be_as_old_as_agreed():
  freshness = watchdog.Freshness(0.15)
  assert freshness.update(10.0, 10.05) == pytest.approx(10.15)
  # The same picture again, 100 ms on: slow, but not too old.
  assert freshness.update(10.0, 10.149) == pytest.approx(10.15)
  with pytest.raises(watchdog.StaleError, match=r'0\.160 s old, and may be 0'):
    freshness.update(10.0, 10.16)


def test_a_time_of_another_clock_is_refused():
  with pytest.raises(watchdog.StaleError, match='same_clock=False'):
    watchdog.Freshness(0.15).update(10.5, 10.0)


@pytest.mark.parametrize('same_clock', [True, False])
def test_a_time_that_is_no_number_is_refused(same_clock):
  freshness = watchdog.Freshness(0.15, same_clock=same_clock)
  with pytest.raises(watchdog.StaleError, match='the time nan'):
    freshness.update(float('nan'), 10.0)


def test_of_another_clock_only_changes_count():
  freshness = watchdog.Freshness(0.15, same_clock=False)
  assert freshness.update(7e9, 10.0) == pytest.approx(10.15)
  assert freshness.update(7e9 + 1, 10.1) == pytest.approx(10.25)
  assert freshness.update(7e9 + 1, 10.2) == pytest.approx(10.25)
  with pytest.raises(watchdog.StaleError):
    freshness.update(7e9 + 1, 10.3)
