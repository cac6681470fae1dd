import contextlib
import os
import re
import sys

import numpy as np
import pytest
import reverb
import tensorflow as tf

from awopt_agent.experience import records, restoring

_SPEC = tf.TensorSpec([], tf.float32)


def _table(name='t', **changes):
  return reverb.Table(
    **{
      'name': name,
      'sampler': reverb.selectors.Fifo(),
      'remover': reverb.selectors.Fifo(),
      'max_size': 100,
      'rate_limiter': reverb.rate_limiters.MinSize(1),
      'signature': _SPEC,
      **changes,
    }
  )


@contextlib.contextmanager
def _serving(*tables):
  server = reverb.Server(tables, port=None)
  try:
    yield server.localhost_client()
  finally:
    server.stop()


@pytest.fixture(name='saved')
def _saved(tmp_path):
  """Saves what `fill` writes to tables."""

  def save(fill, *tables):
    checkpointer = reverb.checkpointers.DefaultCheckpointer(
      str(tmp_path / 'saved')
    )
    server = reverb.Server(tables, port=None, checkpointer=checkpointer)
    fill(server.localhost_client())
    folder = server.localhost_client().checkpoint()
    server.stop()
    return folder

  return save


@pytest.fixture(name='restored')
def _restored(tmp_path):
  """Restores tables from a folder; gives a client."""
  servers = []

  def restore(source, *tables):
    root = str(tmp_path / f'restored{len(servers)}')
    sizes = restoring.adapt(source, f'{root}/0', tables)
    server = restoring.serve(root, tables, source=source, sizes=sizes)
    servers.append(server)
    return server.localhost_client()

  yield restore
  for server in servers:
    server.stop()


def _insert(values, table='t', priority=lambda value: 1.0):
  """Returns a function that inserts values by a client."""

  def fill(client):
    for value in values:
      client.insert(np.float32(value), {table: priority(value)})

  return fill


def _read(client, table='t'):
  """Samples each item once; needs a FIFO sampler that forgets, or a queue."""
  size = client.server_info()[table].current_size
  samples = client.sample(table, size, emit_timesteps=False) if size else []
  return [float(sample.data[0][0]) for sample in samples]


def _once(**changes):
  return _table(max_times_sampled=1, **changes)


def _limiter(folder, table='t'):
  return records.read_tables(folder)[table].rate_limiter


def test_items_come_back_in_their_order(saved, restored):
  folder = saved(_insert([3, 1, 2]), _table())
  assert _read(restored(folder, _once())) == [3, 1, 2]


def test_all_but_the_items_comes_from_the_configuration(saved, restored):
  folder = saved(_insert([1, 2]), _table())
  configured = _table(
    sampler=reverb.selectors.Lifo(),
    remover=reverb.selectors.MinHeap(),
    max_size=7,
    max_times_sampled=5,
    rate_limiter=reverb.rate_limiters.MinSize(2),
  )
  info = restored(folder, configured).server_info()['t']
  assert (info.current_size, info.max_size) == (2, 7)
  assert info.max_times_sampled == 5
  assert info.sampler_options.lifo
  assert info.remover_options.heap.min_heap
  assert info.rate_limiter_info.min_size_to_sample == 2
  assert info.signature == _SPEC


@pytest.mark.parametrize(
  'remover, stay',
  [
    (reverb.selectors.Fifo, [1, 7, 2]),
    (reverb.selectors.Lifo, [5, 9, 3]),
    # Of the two of priority 5 % 4 = 9 % 4 = 1 the older goes.
    (reverb.selectors.MinHeap, [3, 7, 2]),
    (reverb.selectors.MaxHeap, [5, 9, 1]),
  ],
)
def test_a_table_that_is_too_small_keeps_what_its_remover_would_have(
  saved, restored, remover, stay
):
  insert = _insert([5, 9, 3, 1, 7, 2], priority=lambda value: value % 4)
  small = {'remover': remover(), 'max_size': 3}
  with _serving(_once(**small)) as client:
    insert(client)
    assert _read(client) == stay
  folder = saved(insert, _table())
  assert _read(restored(folder, _once(**small))) == stay


def test_among_equals_the_newest_stay(saved, restored):
  folder = saved(_insert([5, 9, 3, 1]), _table())
  small = _once(remover=reverb.selectors.MinHeap(), max_size=2)
  assert _read(restored(folder, small)) == [3, 1]


def test_tables_come_and_go(saved, restored):

  def fill(client):
    _insert([1, 2], 'stays')(client)
    _insert([3], 'goes')(client)

  folder = saved(fill, _table('stays'), _table('goes'))
  client = restored(folder, _table('comes'), _table('stays'))
  sizes = {n: i.current_size for n, i in client.server_info().items()}
  assert sizes == {'comes': 0, 'stays': 2}
  _insert([4], 'comes')(client)
  assert client.server_info()['comes'].current_size == 1


@pytest.mark.parametrize('values', [[], [1]])
def test_nothing_to_restore_is_no_error(saved, restored, values):
  folder = saved(_insert(values, 'goes'), _table('goes'))
  client = restored(folder, _table('comes'))
  assert client.server_info()['comes'].current_size == 0


def test_inserts_and_samples_go_on_at_once(saved, restored):
  # Inserts lie at the bound: 5 * 2 = 10, so a sixth waits for a sample. As it
  # would for ever, where restoring keeps the counts (reverb#103).
  ratio = {'samples_per_insert': 2.0, 'min_size_to_sample': 3}
  limiter = lambda: reverb.rate_limiters.SampleToInsertRatio(  # noqa: E731
    **ratio, error_buffer=4.0
  )
  folder = saved(_insert([1, 2, 3, 4, 5]), _table(rate_limiter=limiter()))
  assert _limiter(folder).sample_count == 0
  client = restored(folder, _table(rate_limiter=limiter()))
  with client.trajectory_writer(1) as writer:
    writer.append(np.float32(6))
    writer.create_item('t', 1.0, writer.history[0][-1])
    writer.flush(timeout_ms=5000)
  assert len(list(client.sample('t', 3))) == 3


@pytest.mark.parametrize(
  'bounds, size, samples',
  [
    # In the middle of 6 - 4 and 6 + 4: 5 * 2 - 6.
    ((2.0, 3, 2.0, 10.0), 5, 4),
    ((2.0, 3, 2.0, 10.0), 2, 0),
    # MinSize: any count is good.
    ((1.0, 1, -sys.float_info.max, sys.float_info.max), 5, 5),
  ],
)
def test_the_limiter_begins_in_the_middle_of_its_bounds(
  saved, tmp_path, bounds, size, samples
):
  folder = saved(_insert(range(size)), _table())
  limiter = reverb.rate_limiters.RateLimiter(*bounds)
  restoring.adapt(folder, str(tmp_path / 'new'), [_table(rate_limiter=limiter)])
  written = _limiter(str(tmp_path / 'new'))
  assert written.insert_count - written.delete_count == size
  assert written.sample_count == samples


def test_a_queue_goes_on_where_it_was(saved, restored):
  queue = lambda: reverb.Table.queue('t', 3, signature=_SPEC)  # noqa: E731

  def fill(client):
    _insert([1, 2])(client)
    assert len(list(client.sample('t', 1))) == 1
    _insert([3])(client)

  folder = saved(fill, queue())
  client = restored(folder, queue())
  _insert([4])(client)  # Three fit in.
  assert _read(client) == [2, 3, 4]


def test_what_was_sampled_often_enough_is_gone(saved, restored):

  def fill(client):
    _insert([1])(client)
    assert len(list(client.sample('t', 2))) == 2
    _insert([2])(client)

  folder = saved(fill, _table())
  assert _read(restored(folder, _once())) == [2]


def test_other_columns_are_refused_in_one_line(saved, tmp_path):
  folder = saved(_insert([1]), _table())
  other = _table(signature=tf.TensorSpec([2], tf.float32))
  with pytest.raises(ValueError, match='items of table t in .* other columns'):
    restoring.adapt(folder, str(tmp_path / 'new'), [other])
  assert not (tmp_path / 'new').exists()


def test_missing_data_is_said_and_no_smaller_table(saved, restored):
  # Reverb stops at the first such item, and starts with what it has.
  folder = saved(_insert([1, 2]), _table())
  first, *_ = records.read(folder, records.CHUNKS)
  records.write(folder, records.CHUNKS, [first])
  with pytest.raises(ValueError, match='[12] of its items could not') as raised:
    restored(folder, _table())
  assert folder in str(raised.value)


@pytest.mark.parametrize(
  'name', [records.TABLES, records.ITEMS, records.CHUNKS]
)
@pytest.mark.parametrize('harm', ['changed', 'cut', 'removed'])
def test_a_damaged_file_is_one_line_that_names_the_folder(
  saved, restored, name, harm
):
  folder = saved(_insert(range(20)), _table())
  path = os.path.join(folder, name)
  with open(path, 'rb') as file:
    content = bytearray(file.read())
  content[len(content) // 2] ^= 255
  os.remove(path)
  if harm != 'removed':
    with open(path, 'wb') as file:
      file.write(content if harm == 'changed' else content[:-20])
  with pytest.raises(ValueError, match=re.escape(folder)) as raised:
    restored(folder, _table())
  assert len(str(raised.value).splitlines()) == 1


def test_a_port_in_use_is_not_taken_for_damage(saved, tmp_path):
  folder = saved(_insert([1]), _table())
  root = str(tmp_path / 'restored')
  sizes = restoring.adapt(folder, f'{root}/0', [_table()])
  with pytest.raises(OSError, match='port -1 cannot be used'):
    restoring.serve(root, [_table()], source=folder, sizes=sizes, port=-1)
