import pathlib
import threading
import time

import numpy as np
import pytest

from awopt_agent.experience import packing
from awopt_agent.experience.wire import board, inbox
from awopt_agent.train.roles import delivery as delivery_lib
from awopt_agent.train.roles import spool as spool_lib
from tests.train.roles import fakes

_SOURCE = 3


class _Collector:
  """A spool and its delivery, as a collector has them.

  Attributes:
    spool, connection, delivery: The parts.
  """

  def __init__(self, folder, role):
    self.spool = spool_lib.Spool(str(folder), max_bytes=10**9)
    self.connection = role.connect()
    self.delivery = delivery_lib.Delivery(
      self.spool,
      self.connection,
      board.BoardReader(self.connection, every_s=0),
      source=_SOURCE,
    )

  def practise(self, count, length=2):
    """Stores episodes."""
    pack = packing.StepPacking(fakes.SPEC).pack
    for _ in range(count):
      number = self.spool.following
      self.spool.add(pack(fakes.episode(_SOURCE, number, length)))

  def deliver(self):
    """Sends all that there is to send; returns how many."""
    count = 0
    while sent := self.delivery.turn():
      count += sent
    return count

  def close(self):
    self.delivery.close()
    self.spool.close()


@pytest.fixture(name='start')
def _start(tmp_path):
  """Starts replay roles in one folder and on one port."""
  opened = []

  def start(restore_from=None):
    port = opened[-1].replay.port if opened else None
    for one in opened:
      one.close()
    opened.append(
      fakes.ReplayRole(tmp_path, restore_from=restore_from, port=port)
    )
    return opened[-1]

  yield start
  for one in opened:
    one.close()


@pytest.fixture(name='collectors')
def _collectors(tmp_path):
  """Starts collectors, one after the other."""
  opened = []

  def begin(role, disk='disk'):
    for one in opened:
      one.close()
    opened[:] = [_Collector(tmp_path / disk, role)]
    opened[0].delivery.begin(5)
    return opened[0]

  yield begin
  for one in opened:
    one.close()


def _wait_until(condition, limit_s=30.0):
  end = time.monotonic() + limit_s
  while not condition():
    assert time.monotonic() < end, 'it never came to that'
    time.sleep(0.01)


def test_episodes_arrive_in_order_each_once(start, collectors):
  role = start()
  collector = collectors(role)
  collector.practise(3)
  assert collector.deliver() == 3
  assert collector.delivery.left == 3  # The replay has not told yet.
  role.turns()
  assert collector.deliver() == 0
  assert (collector.delivery.left, collector.delivery.received) == (0, 3)
  assert role.steps() == fakes.whole(_SOURCE, [0, 1, 2])


@pytest.mark.parametrize('bounds', [{'_MOST_EPISODES': 2}, {'_MOST_BYTES': 1}])
def test_what_is_too_much_for_an_item_goes_with_the_next(
  start, collectors, monkeypatch, bounds
):
  for name, value in bounds.items():
    monkeypatch.setattr(delivery_lib, name, value)
  role = start()
  collector = collectors(role)
  collector.practise(3)
  sent = [collector.delivery.turn() for _ in range(3)]
  assert sent == ([2, 1, 0] if '_MOST_EPISODES' in bounds else [1, 1, 1])
  role.turns()
  assert role.steps() == fakes.whole(_SOURCE, [0, 1, 2])


def test_episodes_stay_on_disk_until_two_checkpoints_have_them(
  start, collectors, tmp_path
):
  role = start()
  collector = collectors(role)
  for step, count in ((60, 1), (70, 2)):
    collector.practise(count)
    collector.deliver()
    role.turns()
    part = f'checkpoints/{step:010d}.part'
    (tmp_path / part).mkdir(parents=True)
    role.ask_to_save(f'{part}/replay')
    role.turns()
    collector.deliver()
    assert collector.spool.first_from(0) == 0
    fakes.adopt(tmp_path, step, f'{part}/replay')
    role.turns()
    collector.deliver()
  # Of one and two more, the first is in both.
  assert collector.delivery.durable == 1
  assert (collector.spool.first_from(0), len(collector.spool)) == (1, 2)


def test_the_next_process_delivers_what_the_last_one_left(start, collectors):
  role = start()
  collector = collectors(role)
  collector.practise(1)
  assert collector.delivery.turn() == 1
  collector.practise(2)
  role.turns()
  collector = collectors(role)
  collector.practise(1)
  assert collector.deliver() == 3
  role.turns()
  assert role.steps() == fakes.whole(_SOURCE, [0, 1, 2, 3])


def test_a_replay_that_starts_from_an_older_save_gets_what_came_after_it(
  start, collectors
):
  role = start()
  collector = collectors(role)
  collector.practise(2)
  collector.deliver()
  role.turns()
  role.service._save('saved')
  collector.practise(3)
  collector.deliver()
  role.turns()
  collector.deliver()
  assert collector.delivery.received == 5
  role = start(restore_from='saved')
  _wait_until(lambda: _answers(collector))
  collector.practise(1)
  collector.deliver()
  role.turns()
  # One that was sent before, and was late.
  role.send(fakes.episode(_SOURCE, 3))
  role.turns()
  assert role.steps() == fakes.whole(_SOURCE, range(6))
  assert role.service.counters.episodes == 6
  assert role.service.counters.received == {str(_SOURCE): 6}


def _answers(collector):
  try:
    collector.delivery.turn()
  except TimeoutError:
    return False
  return True


def test_a_lost_disk_leaves_a_gap_and_no_number_twice(start, collectors):
  role = start()
  collector = collectors(role)
  collector.practise(3)
  collector.deliver()
  role.turns()
  role.service._save('saved')  # Holds three.
  collector.practise(2)
  collector.deliver()
  role.turns()
  collector = collectors(role, disk='another')
  assert collector.spool.following == 5
  collector.practise(1)
  collector.deliver()
  role.turns()
  # Three to four are lost now: neither replay nor disk has them.
  role = start(restore_from='saved')
  _wait_until(lambda: _answers(collector))
  collector.deliver()
  role.turns()
  assert role.steps() == fakes.whole(_SOURCE, [0, 1, 2, 5])


def test_nothing_is_lost_when_the_replay_is_gone_for_a_while(
  start, collectors, monkeypatch
):
  monkeypatch.setattr(delivery_lib, '_SEND_LIMIT_S', 0.2)
  role = start()
  role.start()
  collector = collectors(role)
  collector.delivery.start()
  collector.practise(2)
  _wait_until(lambda: collector.delivery.received == 2)
  role.close()
  collector.practise(2)
  _wait_until(lambda: collector.delivery.unanswered_s > 0.3)
  collector.delivery.check()  # An outage is no failure.
  role = start()  # Of a run without a checkpoint: it begins anew.
  role.start()
  _wait_until(lambda: collector.delivery.received == 4)
  assert collector.delivery.finish(5) == 0
  assert role.steps() == fakes.whole(_SOURCE, range(4))
  assert collector.delivery.unanswered_s < 5


def test_episodes_of_another_agent_end_the_collector(start, collectors):
  role = start()
  collector = collectors(role)
  collector.spool.add({'float32': np.zeros([3, 1], np.float32)})
  collector.delivery.start()
  with pytest.raises(ValueError, match='signature'):
    while True:
      collector.delivery.check()
      time.sleep(0.01)


def test_a_replay_that_never_answers_is_an_error(start, tmp_path):
  role = start()
  role.close()
  collector = _Collector(tmp_path / 'disk', role)
  with pytest.raises(TimeoutError) as raised:
    collector.delivery.begin(0.2)
  line = str(raised.value)
  for part in ('tester', collector.connection.address, "'board'", 'counters'):
    assert part in line
  collector.close()


# The end of a collector.


def test_the_end_waits_for_what_is_left(start, collectors):
  role = start()
  collector = collectors(role)
  collector.practise(2)
  collector.delivery.start()
  threading.Timer(0.2, role.start).start()
  assert collector.delivery.finish(30) == 0
  assert role.service.counters.episodes == 2


def test_what_the_replay_does_not_take_in_time_stays_on_disk(start, collectors):
  role = start()  # Nobody takes anything out of the inbox.
  collector = collectors(role)
  collector.practise(2)
  collector.delivery.start()
  assert collector.delivery.finish(0.2) == 2
  assert len(collector.spool) == 2


def test_whoever_is_impatient_ends_the_wait(start, collectors):
  collector = collectors(start())
  collector.practise(1)
  began = time.monotonic()
  assert collector.delivery.finish(60, go_on=lambda: False) == 1
  assert time.monotonic() - began < 10


def test_an_episode_is_sent_once_while_the_counters_are_as_they_were(
  start, collectors
):
  role = start()
  collector = collectors(role)
  collector.practise(2)
  assert collector.deliver() == 2
  assert collector.deliver() == 0
  assert role.replay.sizes()[inbox.INBOX] == 1  # Both in one item.


def test_what_was_not_taken_is_sent_again(start, collectors, monkeypatch):
  monkeypatch.setattr(delivery_lib, '_LOST_S', 0.2)
  role = start()
  collector = collectors(role)
  collector.practise(2)
  assert collector.deliver() == 2
  # What a server that fell had in its inbox, while its counters are as before.
  role.replay.client.reset(inbox.INBOX)
  time.sleep(0.3)
  assert collector.deliver() == 2
  role.turns()
  assert role.steps() == fakes.whole(_SOURCE, [0, 1])


def test_of_two_collectors_of_one_index_the_later_one_stays(
  start, collectors, tmp_path
):
  role = start()
  first = collectors(role)
  first.practise(2)
  first.deliver()
  role.turns()
  second = _Collector(tmp_path / 'other', role)
  try:
    second.delivery.begin(5)
    role.turns()
    # Number 2 of the first, on its way, is not that of the second.
    role.send(fakes.episode(_SOURCE, 2), spool=first.spool.identity)
    second.practise(1, length=5)
    role.turns()
    with pytest.raises(ValueError, match='in the place of this one'):
      first.deliver()
    second.deliver()
    role.turns()
    assert role.service.counters.episodes == 3
    # Two of two transitions, and one of five.
    assert role.service.counters.steps == 9
  finally:
    second.close()


def test_episodes_of_one_run_do_not_go_into_another(start, collectors):
  role = start()
  collector = collectors(role)
  collector.practise(1)
  role.service._run = 'another run'
  role.turns()
  with pytest.raises(ValueError, match='belong to another run'):
    collector.deliver()


def test_a_damaged_episode_holds_up_no_other(
  start, collectors, tmp_path, capsys
):
  role = start()
  collector = collectors(role)
  collector.practise(5)
  for number in (1, 4):
    path = next((tmp_path / 'disk').rglob(f'*{number}.npz'))
    path.write_bytes(path.read_bytes()[:50])
  collector = collectors(role)  # It reads what an earlier process stored.
  collector.deliver()
  assert 'episode 1 cannot be read' in capsys.readouterr().out
  role.turns()
  assert role.steps() == fakes.whole(_SOURCE, [0, 2, 3])
  assert collector.delivery.finish(0, go_on=lambda: False) == 3
  collector.deliver()  # It learns what came.
  assert collector.delivery.finish(60) == 0


def test_behind_a_damaged_episode_none_is_passed_over(start, collectors):
  role = start()
  collector = collectors(role)
  role.service._save('saved')  # Holds no episode.
  collector.practise(3)
  collector.deliver()
  role.turns()
  path = next(pathlib.Path(collector.spool._episodes).rglob('*1.npz'))
  path.write_bytes(path.read_bytes()[:50])
  collector = collectors(role)
  # On its way, while the replay starts anew and lacks 0, which is here still.
  missing = collector.spool.missing_below
  with pytest.raises(spool_lib.DamagedError):
    collector.spool.read(1)
  assert (missing(0), missing(2), missing(3)) == (0, 1, 0)
  role = start(restore_from='saved')
  role.send(
    fakes.episode(_SOURCE, 2), skipped=1, spool=collector.spool.identity
  )
  role.turns()
  assert role.steps() == []
  _wait_until(lambda: _answers(collector))
  collector.deliver()
  role.turns()
  assert role.steps() == fakes.whole(_SOURCE, [0, 2])
