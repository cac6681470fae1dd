import threading
import time

import numpy as np
import pytest
import reverb
import tensorflow as tf

from awopt_agent.experience.wire import connection as connection_lib
from tests.experience.wire import fakes


def _table(name='things', size=2):
  """A queue of two columns, whose rows may be as many as they like."""
  return reverb.Table.queue(
    name,
    size,
    signature={
      'b': tf.TensorSpec([None, 2], tf.float32, 'b'),
      'a': tf.TensorSpec([None], tf.int64, 'a'),
    },
  )


def _columns(rows):
  return {
    'b': np.full((rows, 2), rows, np.float32),
    'a': np.arange(rows, dtype=np.int64),
  }


def _put(server, rows, limit_s=5.0):
  connection_lib.put(
    server.localhost_client(), 'things', _columns(rows), limit_s=limit_s
  )


@pytest.fixture(name='server')
def _server():
  with fakes.serving(_table()) as server:
    yield server


@pytest.mark.parametrize(
  'address', ['localhost', ':8000', 'localhost:', 'localhost:http', '']
)
def test_an_address_without_host_and_port_is_refused(address):
  with pytest.raises(ValueError, match=f"host:port, got '{address}'"):
    connection_lib.Connection(address, role='tester')


# Calls.


def _nowhere(**kwargs):
  """A connection that nothing asks anything of."""
  return connection_lib.Connection('host:1', role='tester', **kwargs)


def test_a_call_returns_what_the_function_does():
  assert _nowhere().call(lambda: 7, what='for seven', table='t') == 7


def test_a_call_raises_what_the_function_does():
  with pytest.raises(ZeroDivisionError):
    _nowhere().call(lambda: 1 / 0, what='for nothing', table='t')


def _assert_names_all(error, what, table, address):
  line = str(error)
  assert line.startswith('tester: waited ')
  for part in (what, f"table '{table}'", address, '--replay_address'):
    assert part in line
  assert len(line.splitlines()) == 1


def test_a_call_that_hangs_ends_and_says_what_it_waited_for():
  hang = threading.Event()
  began = time.monotonic()
  with pytest.raises(TimeoutError) as raised:
    _nowhere().call(hang.wait, what='for an answer', table='t', limit_s=0.1)
  assert time.monotonic() - began < 3
  _assert_names_all(raised.value, 'for an answer', 't', 'host:1')
  hang.set()


def test_a_call_without_a_limit_has_that_of_the_connection():
  hang = threading.Event()
  with pytest.raises(TimeoutError, match='waited 0 s for an answer'):
    _nowhere(limit_s=0.1).call(hang.wait, what='for an answer', table='t')
  hang.set()


def _exceed_deadline():
  raise reverb.errors.DeadlineExceededError('gRPC: 4')


def test_a_deadline_of_reverbs_own_is_named_too():
  with pytest.raises(TimeoutError) as raised:
    _nowhere().call(_exceed_deadline, what='to put', table='t')
  _assert_names_all(raised.value, 'to put', 't', 'host:1')


@pytest.mark.parametrize(
  'error',
  [
    RuntimeError('Connection reset by peer'),
    tf.errors.UnavailableError(None, None, 'Socket closed'),
    tf.errors.InternalError(None, None, 'Error when confirming'),
  ],
  ids=lambda error: type(error).__name__,
)
def test_a_server_that_is_lost_in_a_call_is_named_too(error):
  # What Reverb raised when its server was killed.
  def fail():
    raise error

  with pytest.raises(TimeoutError) as raised:
    _nowhere().call(fail, what='to put', table='t')
  line = str(raised.value)
  for part in ('tester: lost', 'host:1', 'to put', "table 't'"):
    assert part in line
  assert len(line.splitlines()) == 1


def _stop():
  raise InterruptedError


def test_what_the_check_raises_ends_a_call_that_hangs():
  hang = threading.Event()
  with pytest.raises(InterruptedError):
    _nowhere(check=_stop).call(hang.wait, what='long', table='t')
  hang.set()


def test_a_server_that_dies_ends_a_call(server):
  connection = fakes.connect(server, limit_s=0.3)
  threading.Timer(0.1, server.stop).start()
  with pytest.raises(TimeoutError) as raised:
    connection.call(
      lambda: connection_lib.take(connection.client, 'things', ['a', 'b']),
      what='for a thing',
      table='things',
    )
  _assert_names_all(raised.value, 'for a thing', 'things', connection.address)


# What a server says of its tables.


def test_tells_how_full_a_table_is(server):
  _put(server, 1)
  info = fakes.connect(server).info('things')
  assert (info.current_size, info.max_size) == (1, 2)


def test_a_server_without_the_table_is_that_of_another_run(server):
  connection = fakes.connect(server)
  with pytest.raises(ValueError) as raised:
    connection.info('weights')
  assert str(raised.value) == (
    f'tester: the server at {connection.address} has no table '
    "'weights', but things; is it the replay role of this run?"
  )


def test_a_server_that_is_not_there_gives_no_info(server):
  connection = fakes.connect(server)
  server.stop()
  began = time.monotonic()
  with pytest.raises(TimeoutError) as raised:
    connection.info('things', limit_s=0.2)
  assert time.monotonic() - began < 2
  _assert_names_all(raised.value, 'an answer', 'things', connection.address)


# Waiting for the first item.


def test_an_item_that_is_there_is_not_waited_for(server):
  _put(server, 1)
  fakes.connect(server).wait_for_item('things', what='for one', limit_s=0.0)


def test_an_item_that_comes_ends_the_wait(server):
  threading.Timer(0.2, _put, (server, 1)).start()
  fakes.connect(server).wait_for_item('things', what='for one')


def test_a_server_that_comes_again_ends_the_wait():
  with fakes.serving(_table()) as server:
    connection = fakes.connect(server)
    connection_lib.put(connection.client, 'things', _columns(1), limit_s=5)
  started = []

  def start():
    started.append(reverb.Server([_table()], server.port))
    connection_lib.put(connection.client, 'things', _columns(1), limit_s=5)

  threading.Timer(0.1, start).start()
  connection.wait_for_item('things', what='for one')
  assert connection.info('things').current_size == 1
  started[0].stop()


def test_an_item_that_never_comes_ends_the_wait_with_an_error(server):
  connection = fakes.connect(server, limit_s=0.2)
  with pytest.raises(TimeoutError) as raised:
    connection.wait_for_item('things', what='for the first thing')
  _assert_names_all(
    raised.value, 'for the first thing', 'things', connection.address
  )


def test_a_server_that_never_comes_ends_the_wait_in_time(server):
  connection = fakes.connect(server)
  server.stop()
  began = time.monotonic()
  with pytest.raises(TimeoutError, match='for the first thing'):
    connection.wait_for_item('things', what='for the first thing', limit_s=0.3)
  assert time.monotonic() - began < 2


def test_what_the_check_raises_ends_the_wait_for_an_item(server):
  with pytest.raises(InterruptedError):
    fakes.connect(server, check=_stop).wait_for_item('things', what='one')


# Items.


def test_items_come_in_order_and_may_be_of_unequal_size(server):
  for rows in (2, 3):
    _put(server, rows)
  items = connection_lib.take(
    server.localhost_client(), 'things', ['b', 'a'], count=2
  )
  for item, rows in zip(items, (2, 3), strict=True):
    assert item.keys() == {'a', 'b'}
    for name, column in _columns(rows).items():
      np.testing.assert_array_equal(item[name], column)
  assert fakes.size(server.localhost_client(), 'things') == 0


def test_columns_that_do_not_fit_are_refused(server):
  client = server.localhost_client()
  wrong = {**_columns(2), 'a': np.zeros([2], np.float32)}
  with pytest.raises(ValueError, match='signature'):
    connection_lib.put(client, 'things', wrong, limit_s=1)
  assert fakes.size(client, 'things') == 0


def test_a_full_table_takes_no_more_and_says_so_in_time(server):
  for rows in (2, 3):
    _put(server, rows)
  began = time.monotonic()
  with pytest.raises(reverb.errors.DeadlineExceededError):
    _put(server, 4, limit_s=0.2)
  assert time.monotonic() - began < 3
  assert fakes.size(server.localhost_client(), 'things') == 2


def test_a_strangers_item_of_other_columns_comes_as_none_at_all(server):
  client = server.localhost_client()
  fakes.force(client, 'things', {'a': np.arange(3)})
  _put(server, 2)
  odd, item = connection_lib.take(client, 'things', ['a', 'b'], count=2)
  assert odd == {}
  np.testing.assert_array_equal(item['a'], [0, 1])
