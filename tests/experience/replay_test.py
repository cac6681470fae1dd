import os

import pytest

from awopt_agent.experience import replay as replay_lib
from awopt_agent.experience import tables
from tests import fakes
from tests.experience import reading


@pytest.fixture(name='start')
def _start(tmp_path):
  """Starts replays, each with a scratch folder of its own."""
  opened = []

  def start(**kwargs):
    replay = replay_lib.Replay(
      fakes.step_spec(),
      tables.ReplayConfig(),
      steps_per_item=2,
      scratch=str(tmp_path / f'scratch{len(opened)}'),
      **kwargs,
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
