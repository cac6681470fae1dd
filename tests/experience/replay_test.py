import os
import resource
import socket

import numpy as np
import pytest
import reverb
import tensorflow as tf

from awopt_agent.experience import replay as replay_lib
from awopt_agent.experience import tables
from tests import fakes
from tests.experience import reading


@pytest.fixture(name='start')
def _start(tmp_path):
  """Starts replays, each with a scratch folder of its own."""
  opened = []

  def start(sizes=None, **kwargs):
    replay = replay_lib.Replay(
      fakes.step_spec(),
      tables.ReplayConfig(**sizes or {}),
      steps_per_item=2,
      **{'scratch': str(tmp_path / f'scratch{len(opened)}'), **kwargs},
    )
    opened.append(replay)
    return replay

  yield start
  for replay in opened:
    replay.close()


def write(replay, episodes):
  writer = tables.EpisodeWriter(
    replay.client, fakes.step_spec(), steps_per_item=replay.steps_per_item
  )
  for episode in episodes:
    writer(episode)
  writer.close()


def some_episodes(first_id):
  return [
    fakes.make_episode(3, episode_id=first_id, success=True),
    fakes.make_episode(2, episode_id=first_id + 1, success=False),
    fakes.make_episode(4, episode_id=first_id + 2, success=False),
  ]


def contents(replay):
  return {
    table: reading.contents(replay.client, table)
    for table in ('success', 'failure')
  }


def test_starts_empty(start):
  assert start().sizes() == {'success': 0, 'failure': 0}


def test_sizes_count_transitions(start):
  replay = start()
  write(replay, some_episodes(1))
  assert replay.sizes() == {'success': 3, 'failure': 6}


def test_a_restored_replay_holds_every_item(start, tmp_path):
  first = start()
  write(first, some_episodes(1))
  first.save(str(tmp_path / 'saved'))
  second = start(restore_from=str(tmp_path / 'saved'))
  assert second.sizes() == {'success': 3, 'failure': 6}
  assert contents(second) == contents(first)


def test_a_restored_replay_takes_more_and_can_be_saved_again(start, tmp_path):
  first = start()
  write(first, some_episodes(1))
  first.save(str(tmp_path / 'one'))
  second = start(restore_from=str(tmp_path / 'one'))
  write(second, some_episodes(11))
  second.save(str(tmp_path / 'two'))
  third = start(restore_from=str(tmp_path / 'two'))
  assert third.sizes() == {'success': 6, 'failure': 12}
  assert contents(third)['success'] == {
    (episode, step) for episode in (1, 11) for step in range(3)
  }


def test_each_save_stays(start, tmp_path):
  # Reverb's checkpointer deletes its last checkpoint at each save.
  replay = start()
  write(replay, some_episodes(1))
  replay.save(str(tmp_path / 'one'))
  write(replay, some_episodes(11))
  replay.save(str(tmp_path / 'two'))
  assert start(restore_from=str(tmp_path / 'one')).sizes()['success'] == 3
  assert start(restore_from=str(tmp_path / 'two')).sizes()['success'] == 6


def test_an_empty_replay_can_be_saved(start, tmp_path):
  start().save(str(tmp_path / 'saved'))
  restored = start(restore_from=str(tmp_path / 'saved'))
  assert restored.sizes() == {'success': 0, 'failure': 0}


def test_an_incomplete_checkpoint_is_refused(start, tmp_path):
  replay = start()
  write(replay, some_episodes(1))
  folder = tmp_path / 'saved'
  replay.save(str(folder))
  os.remove(folder / 'DONE')
  with pytest.raises(ValueError, match=f'{folder} holds no complete'):
    start(restore_from=str(folder))


def test_a_missing_checkpoint_is_refused(start, tmp_path):
  with pytest.raises(ValueError, match='no complete'):
    start(restore_from=str(tmp_path / 'nowhere'))


def test_a_folder_that_exists_is_not_written_into(start, tmp_path):
  folder = tmp_path / 'saved'
  folder.mkdir()
  with pytest.raises(FileExistsError, match='saved'):
    start().save(str(folder))


def test_a_restored_replay_does_not_touch_the_checkpoint(start, tmp_path):
  first = start()
  write(first, some_episodes(1))
  folder = tmp_path / 'saved'
  first.save(str(folder))
  before = sorted(path.name for path in folder.rglob('*'))
  second = start(restore_from=str(folder))
  write(second, some_episodes(11))
  second.save(str(tmp_path / 'other'))
  assert sorted(path.name for path in folder.rglob('*')) == before


def test_a_smaller_table_keeps_demonstrations_and_the_newest_practice(
  start, tmp_path
):
  first = start()
  demonstration = fakes.make_episode(3, episode_id=1, success=True)
  practice = [
    fakes.make_episode(2, episode_id=episode, success=True, source=1)
    for episode in (2, 3, 4)
  ]
  write(first, [demonstration, *practice])
  first.save(str(tmp_path / 'saved'))
  second = start({'max_success_items': 6}, restore_from=str(tmp_path / 'saved'))
  # 3 + 3 * 2 = 9 items: the second episode goes, and a half of the third.
  expected = {(1, 0), (1, 1), (1, 2), (3, 1), (4, 0), (4, 1)}
  assert contents(second)['success'] == expected
  write(second, [fakes.make_episode(1, episode_id=5, success=True, source=1)])
  expected = expected - {(3, 1)} | {(5, 0)}
  assert contents(second)['success'] == expected


def test_a_larger_table_takes_more(start, tmp_path):
  first = start({'max_failure_items': 6})
  write(first, some_episodes(1))
  first.save(str(tmp_path / 'saved'))
  second = start({'max_failure_items': 9}, restore_from=str(tmp_path / 'saved'))
  write(second, some_episodes(11))
  assert second.sizes() == {'success': 6, 'failure': 9}


def _weights():
  return reverb.Table(
    'weights',
    sampler=reverb.selectors.Lifo(),
    remover=reverb.selectors.Fifo(),
    max_size=1,
    rate_limiter=reverb.rate_limiters.MinSize(1),
    signature=tf.TensorSpec([], tf.float32),
  )


def test_a_second_replay_leaves_the_first_ones_scratch_alone(start, tmp_path):
  first = start()
  half_saved = tmp_path / 'scratch0' / 'half_saved'
  half_saved.write_bytes(b'of the first')
  with pytest.raises(OSError, match='another replay is at .*scratch0; end it'):
    start(scratch=str(tmp_path / 'scratch0'))
  assert half_saved.exists()
  first.close()  # Then the folder is free.
  assert start(scratch=str(tmp_path / 'scratch0')).sizes()['success'] == 0
  assert not half_saved.exists()


def test_a_replay_that_cannot_start_leaves_the_folder_free(start, tmp_path):
  with pytest.raises(ValueError):
    start(restore_from=str(tmp_path / 'no_such'))
  start()  # In the same folder.


def test_further_tables_are_served_saved_and_restored(start, tmp_path):
  first = start(more_tables=[_weights()])
  first.client.insert(np.float32(0.5), {'weights': 1.0})
  assert first.sizes() == {'success': 0, 'failure': 0, 'weights': 1}
  first.save(str(tmp_path / 'saved'))
  second = start(more_tables=[_weights()], restore_from=str(tmp_path / 'saved'))
  (sample,) = second.client.sample('weights', 1, emit_timesteps=False)
  assert sample.data[0] == 0.5
  without = start(restore_from=str(tmp_path / 'saved'))
  assert without.sizes() == {'success': 0, 'failure': 0}


def _free_port():
  with socket.create_server(('', 0)) as probe:
    return probe.getsockname()[1]


def test_a_port_of_ones_own(start):
  port = _free_port()
  replay = start(port=port)
  assert replay.port == port
  client = reverb.Client(f'localhost:{port}')
  assert client.server_info(timeout=10).keys() == {'success', 'failure'}
  replay.close()
  assert start(port=port).port == port


def test_a_port_that_a_replay_has_is_refused(start):
  # Reverb itself would start, and the system spread clients over the two.
  first = start()
  with pytest.raises(OSError, match=f'port {first.port} is taken') as raised:
    start(port=first.port)
  assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize('host', ['127.0.0.1', '0.0.0.0'])
def test_a_port_that_any_server_has_is_refused(host):
  with socket.create_server((host, 0)) as other:
    port = other.getsockname()[1]
    with pytest.raises(OSError, match=f'port {port} is taken'):
      replay_lib.check_port(port)


@pytest.mark.parametrize('port', [-1, 0, 65536])
def test_a_port_beyond_the_range_is_refused(start, port):
  with pytest.raises(ValueError, match=f'must be in .*got {port}'):
    start(port=port)


def test_nothing_is_saved_where_the_parent_is_gone(start, tmp_path):
  # Whoever asked gave up waiting, and removed its folder.
  replay = start()
  write(replay, some_episodes(1))
  with pytest.raises(OSError, match='No such file'):
    replay.save(str(tmp_path / 'gone' / 'saved'))
  assert not (tmp_path / 'gone').exists()
  assert os.listdir(tmp_path / 'scratch0') == []


@pytest.fixture(name='full_disk')
def _full_disk():
  """Lets no file grow beyond 100 bytes, as on a disk that is nearly full."""
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
  free = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits)  # noqa: E731
  yield free
  free()


def test_a_save_on_a_full_disk_leaves_nothing_and_the_next_one_works(
  start, tmp_path, request
):
  replay = start()
  write(replay, some_episodes(1))
  free = request.getfixturevalue('full_disk')
  with pytest.raises(OSError, match='cannot save the replay') as raised:
    replay.save(str(tmp_path / 'saved'))
  free()
  assert str(tmp_path / 'saved') in str(raised.value)
  assert len(str(raised.value).splitlines()) == 1
  assert os.listdir(tmp_path / 'scratch0') == []
  assert not (tmp_path / 'saved').exists()
  replay.save(str(tmp_path / 'saved'))
  assert start(restore_from=str(tmp_path / 'saved')).sizes() == replay.sizes()


def test_restoring_takes_no_disk_space_for_long(start, tmp_path):
  first = start()
  write(first, some_episodes(1))
  first.save(str(tmp_path / 'saved'))
  start(restore_from=str(tmp_path / 'saved'))
  assert os.listdir(tmp_path / 'scratch1') == []
