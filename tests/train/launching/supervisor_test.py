import itertools

import pytest

from awopt_agent.train.launching import plan, supervisor


class FakeHandle:
  """A process that ends when it is told to, or by itself."""

  waiting = False

  def __init__(self, place, name, codes):
    self._place, self._name, self._codes = place, name, codes
    self.code = None
    self.deaf = False

  def poll(self):
    if self.code is None and self._codes:
      self.code = self._codes.pop(0)
    return self.code

  def terminate(self):
    self._place.events.append(f'terminate {self._name}')
    if not self.deaf:
      self.code = 0

  def kill(self):
    self._place.events.append(f'kill {self._name}')
    self.code = -9


class FakePlace:
  """Starts fake processes, each with exit codes to come.

  Attributes:
    events: What happened, in order.
    handles: By name, every process that was started.
  """

  def __init__(self, **codes):
    self._codes = codes
    self.events = []
    self.handles = {}

  def start(self, name, arguments):
    self.events.append(f'start {name}')
    # An exit code for each start; when there is none left, it runs on.
    codes = self._codes.get(name, [])
    handle = FakeHandle(self, name, codes[:1])
    del codes[:1]
    self.handles.setdefault(name, []).append(handle)
    return handle

  def last_line(self, name):
    return f'last words of {name}'


class FakeTime:
  """A clock that goes on by a second each time it is looked at."""

  def __init__(self):
    self._seconds = itertools.count()

  def monotonic(self):
    return float(next(self._seconds))

  def sleep(self, seconds):
    del seconds  # Nobody waits.


@pytest.fixture(autouse=True)
def _fake_time(monkeypatch):
  monkeypatch.setattr(supervisor, 'time', FakeTime())


def role(name, **changes):
  return plan.Role(
    name, name.split('-')[0], (name,), **{'decides': False, **changes}
  )


def run(place, roles, *, turns=50, limit=3, **kwargs):
  said = []
  watch = supervisor.Supervisor(
    roles, place, restart_limit=limit, say=said.append, **kwargs
  )
  left = iter(range(turns))
  finished = watch.run(lambda: next(left, None) is None)
  return watch, finished, said


def test_starts_a_killed_role_again():
  place = FakePlace(collector=[-9])
  watch, finished, said = run(place, [role('collector')])
  assert place.events.count('start collector') == 2
  assert watch.watched[0].restarts == 1
  assert said == ['collector was killed by signal 9; it is started again']
  assert not finished


def test_a_role_that_somebody_stopped_is_started_again():
  place = FakePlace(collector=[143])
  watch, _, said = run(place, [role('collector')])
  assert place.events.count('start collector') == 2
  assert (watch.watched[0].failures, watch.watched[0].done) == (0, False)
  assert said == ['collector was killed by signal 15; it is started again']


def test_crashes_are_failures_of_the_roles_own():
  # TensorFlow and Reverb abort where they cannot go on.
  place = FakePlace(collector=[-6, -11, -6, -6])
  with pytest.raises(ValueError, match='collector failed 3 times'):
    run(place, [role('collector')], turns=200)


def test_kills_never_end_the_run():
  place = FakePlace(collector=[-9] * 8)
  watch, _, _ = run(place, [role('collector')], turns=200)
  assert watch.watched[0].restarts == 8


def test_ends_with_the_roles_that_decide():
  place = FakePlace(learner=[0], evaluator=[0])
  roles = [
    role('replay', stop_order=2),
    role('learner', decides=True, stop_order=1),
    role('collector'),
    role('evaluator', decides=True),
  ]
  watch, finished, _ = run(place, roles)
  assert finished
  assert [one.state for one in watch.watched] == [
    'down',
    'done',
    'down',
    'done',
  ]


def test_a_collector_that_is_done_is_not_started_again():
  place = FakePlace(collector=[0])
  watch, _, said = run(place, [role('collector')])
  assert watch.watched[0].done
  assert place.events == ['start collector']
  assert not said


def test_a_replay_that_ends_is_started_again():
  place = FakePlace(replay=[0])
  run(place, [role('replay')])
  assert place.events.count('start replay') == 2


def test_quick_failures_end_the_run_by_the_last_words():
  place = FakePlace(learner=[1, 1, 1, 1])
  with pytest.raises(
    ValueError, match='learner failed 3 times, .*last words of learner'
  ):
    run(place, [role('learner', decides=True), role('replay')], turns=200)
  assert place.events.count('start learner') == 3
  assert 'terminate replay' in place.events


def test_bad_usage_ends_the_run_at_once():
  place = FakePlace(learner=[2])
  with pytest.raises(ValueError, match='learner failed 1 times'):
    run(place, [role('learner')])
  assert place.events.count('start learner') == 1


@pytest.fixture(name='slow')
def _slow(monkeypatch):
  """No failure is quick."""
  monkeypatch.setattr(supervisor, '_QUICK_S', 0.0)


@pytest.mark.usefixtures('slow')
def test_slow_failures_without_a_new_checkpoint_end_the_run_too():
  place = FakePlace(learner=[1, 1, -6, 1])
  with pytest.raises(ValueError, match='learner failed 3 times'):
    run(place, [role('learner')], turns=200, progress=lambda name: '00500')
  assert place.events.count('start learner') == 3


@pytest.mark.usefixtures('slow')
def test_slow_failures_of_a_role_that_gets_on_do_not():
  # Two at each checkpoint, and it never comes to a third.
  place = FakePlace(learner=[1] * 6)
  saved = iter([100, 100, 200, 200, 300, 300])
  watch, _, _ = run(
    place, [role('learner')], turns=200, progress=lambda name: next(saved)
  )
  assert watch.watched[0].restarts == 6


@pytest.mark.usefixtures('slow')
def test_kills_and_roles_of_unknown_progress_count_for_nothing():
  place = FakePlace(learner=[-9] * 5, collector=[1] * 5)
  marks = {'learner': '00500', 'collector': None}
  watch, _, _ = run(
    place, [role('learner'), role('collector')], turns=200, progress=marks.get
  )
  assert [one.restarts for one in watch.watched] == [5, 5]


def test_stops_collectors_then_the_learner_then_the_replay():
  place = FakePlace()
  roles = [
    role('replay', stop_order=2),
    role('learner', stop_order=1),
    role('collector-0'),
  ]
  run(place, roles, turns=3)
  assert [e for e in place.events if e.startswith('terminate')] == [
    'terminate collector-0',
    'terminate learner',
    'terminate replay',
  ]


def test_kills_who_does_not_stop_in_time():
  place = FakePlace()
  watch = supervisor.Supervisor(
    [role('learner', stop_limit_s=5.0)], place, restart_limit=3, say=print
  )

  def stop_requested():
    if place.handles:
      place.handles['learner'][0].deaf = True
      return True
    return False

  watch.run(stop_requested)
  assert place.events[-2:] == ['terminate learner', 'kill learner']


def test_a_role_that_fails_waits_before_its_next_start():
  place = FakePlace(learner=[1, 1])
  watch, _, _ = run(place, [role('learner')], turns=100)
  # Two quick failures: it was due two seconds after the second.
  assert watch.watched[0].failures == 2
  assert watch.watched[0].due_at > 0


def test_a_wait_for_a_place_is_no_part_of_a_roles_life():
  place = FakePlace()
  watch = supervisor.Supervisor(
    [role('collector')], place, restart_limit=3, say=print
  )
  turns = itertools.count()

  def stop_requested():
    turn = next(turns)
    if turn == 100:
      assert watch.watched[0].state == 'waiting'
      place.handles['collector'][0].waiting = False
      place.handles['collector'][0].code = 1
    elif turn == 1:
      place.handles['collector'][0].waiting = True
    return turn == 102

  watch.run(stop_requested)
  # A hundred seconds and more after it was asked for, and yet a quick failure.
  assert watch.watched[0].failures == 1
