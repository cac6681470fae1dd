import threading

import numpy as np
import pytest

from awopt_agent.experience.wire import board as board_lib
from tests.experience.wire import fakes


class _Sides:
  """A server with a board, and both who look at it.

  Attributes:
    server, board, connection, reader: The parts.
  """

  def __init__(self, server, **kwargs):
    self.server = server
    self.board = board_lib.Board(server.localhost_client())
    self.connection = fakes.connect(server)
    self.reader = board_lib.BoardReader(self.connection, **kwargs)

  @property
  def requests(self):
    return fakes.size(self.server.localhost_client(), board_lib.REQUESTS)


@pytest.fixture(name='sides')
def _sides():
  with fakes.serving(*board_lib.make_tables()) as server:
    yield _Sides(server)


def _bytes(text):
  return {'json': np.frombuffer(text, np.uint8)}


# Records.


def test_a_reader_sees_the_newest_record(sides):
  for episodes in range(3):
    sides.board.post({'episodes': episodes, 'received': {'1': 2}})
  assert sides.reader.read_now() == {'episodes': 2, 'received': {'1': 2}}


def test_a_young_record_is_not_read_anew(sides):
  reader = board_lib.BoardReader(sides.connection, every_s=60)
  sides.board.post({'episodes': 1})
  assert reader.read() == {'episodes': 1}
  sides.board.post({'episodes': 2})
  assert reader.read() == {'episodes': 1}
  assert reader.read_now() == {'episodes': 2}
  assert reader.read() == {'episodes': 2}


def test_an_old_record_is_read_anew(sides):
  reader = board_lib.BoardReader(sides.connection, every_s=0)
  for episodes in (1, 2):
    sides.board.post({'episodes': episodes})
    assert reader.read() == {'episodes': episodes}


def test_a_board_that_stays_empty_is_an_error(sides):
  with pytest.raises(TimeoutError) as raised:
    sides.reader.read(limit_s=0.1)
  line = str(raised.value)
  for part in ('tester', 'counters', "'board'", sides.connection.address):
    assert part in line


@pytest.mark.parametrize('text', [b'[1]', b'{"episodes":', b'\xff', b''])
def test_a_board_that_holds_no_record_is_of_another_program(sides, text):
  fakes.force(sides.server.localhost_client(), 'board', _bytes(text))
  with pytest.raises(ValueError, match='is it the replay role of this run'):
    sides.reader.read_now()


# Waiting for a record.


def test_a_record_that_comes_ends_the_wait(sides):
  sides.board.post({'episodes': 1})
  threading.Timer(0.1, sides.board.post, ({'episodes': 5},)).start()
  record = sides.reader.wait_for(
    lambda record: record['episodes'] > 4, what='for five', limit_s=10
  )
  assert record == {'episodes': 5}


def test_a_record_that_never_comes_ends_the_wait_with_an_error(sides):
  sides.board.post({'episodes': 1})
  with pytest.raises(TimeoutError) as raised:
    sides.reader.wait_for(lambda _: False, what='for five', limit_s=0.1)
  line = str(raised.value)
  for part in ('tester', 'for five', "'board'", sides.connection.address):
    assert part in line


def test_a_stop_ends_the_wait_for_a_record(sides):
  sides.board.post({'episodes': 1})
  looks = []

  def stop_at_the_third():
    looks.append(1)
    if len(looks) > 2:
      raise KeyboardInterrupt

  sides.connection.check = stop_at_the_third
  with pytest.raises(KeyboardInterrupt):
    sides.reader.wait_for(lambda _: False, what='for ever', limit_s=60)


# Requests.


def test_requests_arrive_in_order_with_ids_of_their_own(sides):
  ids = [sides.reader.ask({'save': folder}, limit_s=5) for folder in ('a', 'b')]
  assert len(set(ids)) == 2
  assert sides.board.take_requests(sides.requests) == [
    {'save': 'a', 'id': ids[0]},
    {'save': 'b', 'id': ids[1]},
  ]
  assert sides.requests == 0


def test_no_requests_are_not_waited_for(sides):
  assert sides.board.take_requests(0) == []


@pytest.mark.parametrize(
  'text', [b'save', b'"save"', b'[1]', b'\xff\xfe', b'', b'[' * 100_000]
)
def test_what_is_no_json_object_comes_as_none(sides, text):
  fakes.force(sides.server.localhost_client(), 'requests', _bytes(text))
  sides.reader.ask({'save': 'a'}, limit_s=5)
  nothing, request = sides.board.take_requests(2)
  assert nothing is None
  assert request['save'] == 'a'


def test_what_has_no_such_columns_comes_as_none(sides):
  client = sides.server.localhost_client()
  fakes.force(client, 'requests', {'json': np.zeros(2), 'more': np.zeros(2)})
  assert sides.board.take_requests(1) == [None]


def test_a_request_to_a_server_that_is_gone_is_an_error(sides):
  sides.reader.ask({'save': 'a'}, limit_s=5)
  sides.server.stop()
  with pytest.raises(TimeoutError) as raised:
    sides.reader.ask({'save': 'b'}, limit_s=0.1)
  line = str(raised.value)
  for part in ('tester', "'save': 'b'", "'requests'", sides.connection.address):
    assert part in line
