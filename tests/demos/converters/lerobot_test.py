import sys

import imageio.v2 as imageio
import numpy as np
import pyarrow as pa
import pytest

from awopt_agent.demos import mapping, reader, schema, writer
from awopt_agent.demos.converters import lerobot
from tests.demos.converters import fakes

# Episode 0 has 3 rows, episode 1 has 2.
LENGTHS = (3, 2)
V2 = 'data/chunk-000/episode_{:06d}.parquet'
V3 = 'data/chunk-000/file-000.parquet'


def columns_of(episode, length, **changes):
  rows = np.arange(length)
  columns = {
    'observation.state': pa.array(
      [[row, row + 0.5] for row in rows], pa.list_(pa.float32(), 2)
    ),
    'observation.state.grip': pa.array(rows.astype(np.float32)),
    'action': pa.array([[10.0 * row] for row in rows], pa.list_(pa.float32())),
    'timestamp': pa.array((rows / 10).astype(np.float32)),
    'frame_index': pa.array(rows),
    'episode_index': pa.array(np.full(length, episode)),
    'index': pa.array(rows + 100),
    'task_index': pa.array(np.full(length, episode)),
    'next.reward': pa.array((rows == length - 1).astype(np.float32)),
    'next.done': pa.array(rows == length - 1),
    'next.success': pa.array((rows == length - 1) & (episode == 0)),
    **changes,
  }
  return {
    name: values for name, values in columns.items() if values is not None
  }


def features(video=False):
  found = {'action': {'dtype': 'float32', 'shape': [1]}}
  if video:
    found['observation.images.top'] = {'dtype': 'video', 'shape': [32, 48, 3]}
  return found


def save_v2(tmp_path, *episodes, video=False, **info):
  for number, columns in enumerate(episodes):
    fakes.write_parquet(tmp_path / V2.format(number), columns)
  fakes.write_json(
    tmp_path / 'meta' / 'info.json',
    {
      'codebase_version': 'v2.1',
      'total_episodes': len(episodes),
      'features': features(video),
      'fps': 10,
      'video_path': 'videos/chunk-{episode_chunk:03d}/{video_key}/'
      'episode_{episode_index:06d}.mp4',
      **info,
    },
  )
  (tmp_path / 'meta' / 'tasks.jsonl').write_text(
    '{"task_index": 0, "task": "lift"}\n{"task_index": 1, "task": "drop"}\n'
  )
  (tmp_path / 'meta' / 'episodes.jsonl').write_text(
    '{"episode_index": 0, "length": 3}\n{"episode_index": 1, "length": 2}\n'
  )
  return str(tmp_path)


def save_v3(tmp_path, *episodes, video=False, **info):
  tables = [pa.table(columns) for columns in episodes]
  fakes.write_parquet(tmp_path / V3, dict(pa.concat_tables(tables).to_pydict()))
  fakes.write_json(
    tmp_path / 'meta' / 'info.json',
    {
      'codebase_version': 'v3.0',
      'total_episodes': len(episodes),
      'features': features(video),
      'fps': 10,
      'video_path': 'videos/{video_key}/chunk-{chunk_index:03d}/'
      'file-{file_index:03d}.mp4',
      **info,
    },
  )
  fakes.write_parquet(
    tmp_path / 'meta' / 'tasks.parquet',
    {'task_index': [0, 1], '__index_level_0__': ['lift', 'drop']},
  )
  place = 'videos/observation.images.top'
  fakes.write_parquet(
    tmp_path / 'meta' / 'episodes' / 'chunk-000' / 'file-000.parquet',
    {
      'episode_index': [0, 1],
      'length': list(LENGTHS),
      f'{place}/chunk_index': [0, 0],
      f'{place}/file_index': [0, 0],
      f'{place}/from_timestamp': [0.0, 0.3],
    },
  )
  return str(tmp_path)


def write_video(path, shades):
  path.parent.mkdir(parents=True, exist_ok=True)
  with imageio.get_writer(str(path), fps=10) as video:
    for shade in shades:
      video.append_data(np.full((32, 48, 3), shade, np.uint8))


def both(**changes):
  return [columns_of(k, length, **changes) for k, length in enumerate(LENGTHS)]


@pytest.fixture(name='save', params=[save_v2, save_v3])
def _save(request, tmp_path):
  return lambda *episodes, **info: request.param(tmp_path, *episodes, **info)


def test_columns_become_rows_of_their_episodes(save):
  first, second = lerobot.read(save(*both()))
  steps = first.steps
  # A success: its end is terminal, so that its last reward is kept.
  assert steps['observation']['state'].tolist() == [
    [0, 0.5],
    [1, 1.5],
    [2, 2.5],
    [2, 2.5],
  ]
  assert steps['observation']['state.grip'].tolist() == [0, 1, 2, 2]
  assert steps['action'].tolist() == [[0], [10], [20], [0]]
  assert steps['reward'].tolist() == [0, 0, 1, 0]
  assert steps['discount'].tolist() == [1, 1, 0, 0]
  assert steps['index'].tolist() == [100, 101, 102, 102]
  assert steps['next.done'].tolist() == [False, False, True, True]
  assert steps['task'].tolist() == ['lift'] * 4
  assert first.metadata == {'episode_index': 0}
  # No success: nothing is known behind its last row.
  assert second.steps['observation']['state'].tolist() == [[0, 0.5], [1, 1.5]]
  assert not second.steps['is_terminal'].any()
  assert second.steps['task'].tolist() == ['drop', 'drop']


def test_types_are_kept_in_version_2(tmp_path):
  first, _ = lerobot.read(save_v2(tmp_path, *both()))
  assert first.steps['observation']['state'].dtype == np.float32
  assert first.steps['index'].dtype == np.int64
  assert first.steps['reward'].dtype == np.float32


@pytest.mark.parametrize(
  'terminal, changes, ends',
  [
    ('success', {}, [True, False]),
    ('success', {'next.success': None}, [True, True]),
    ('success', {'next.done': None}, [False, False]),
    ('done', {}, [True, True]),
    ('never', {}, [False, False]),
  ],
)
def test_the_option_terminal_decides_what_an_end_is(
  save, terminal, changes, ends
):
  episodes = lerobot.read(save(*both(**changes)), terminal=terminal)
  assert [bool(e.steps['is_terminal'][-1]) for e in episodes] == ends


def test_parts_of_an_action_stand_beside_the_whole_or_make_it(save):
  arm = pa.array([1, 2, 3])
  whole = save(columns_of(0, 3, **{'action.arm': arm}))
  (episode,) = lerobot.read(whole, terminal='never')
  assert episode.steps['action'].shape == (3, 1)
  assert episode.steps['action.arm'].tolist() == [1, 2, 3]
  parts = save(columns_of(0, 3, action=None, **{'action.arm': arm}))
  (episode,) = lerobot.read(parts, terminal='never')
  assert episode.steps['action']['arm'].tolist() == [1, 2, 3]


def test_a_set_without_rewards_can_be_mapped_by_success(save, tmp_path):
  path = save(*both(**{'next.reward': None}))
  folder = writer.write_stored(lerobot.read(path), str(tmp_path / 'arm_demos'))
  stored = list(reader.read_stored(folder))
  assert 'reward' not in stored[0].steps
  assert stored[0].steps['task'][0] == b'lift'
  for when in ('ever', 'end'):
    meaning = mapping.Mapping(
      reward='success', success='next.success', success_when=when
    )
    episodes = reader.read_episodes(folder, mapping=meaning)
    assert [episode.success for episode in episodes] == [True, False]


def test_episodes_that_several_batches_hold_are_joined(save, monkeypatch):
  monkeypatch.setattr(lerobot, '_ROWS_AT_ONCE', 2)
  episodes = list(lerobot.read(save(*both()), terminal='never'))
  assert [episode.num_steps for episode in episodes] == [3, 2]
  assert episodes[0].steps['index'].tolist() == [100, 101, 102]


def test_videos_of_version_2_are_decoded(tmp_path):
  path = save_v2(tmp_path, *both(), video=True)
  for number, shades in enumerate([(0, 100, 200), (50, 150)]):
    write_video(
      tmp_path / 'videos/chunk-000/observation.images.top'
      f'/episode_{number:06d}.mp4',
      shades,
    )
  first, second = lerobot.read(path, terminal='never')
  assert first.steps['observation']['images.top'].shape == (3, 32, 48, 3)
  _assert_shades(first, [0, 100, 200])
  _assert_shades(second, [50, 150])


def test_videos_of_version_3_hold_several_episodes(tmp_path):
  path = save_v3(tmp_path, *both(), video=True)
  write_video(
    tmp_path / 'videos/observation.images.top/chunk-000/file-000.mp4',
    (0, 100, 200, 50, 150),
  )
  first, second = lerobot.read(path, terminal='never')
  _assert_shades(first, [0, 100, 200])
  _assert_shades(second, [50, 150])


def _assert_shades(episode, expected):
  pictures = episode.steps['observation']['images.top']
  np.testing.assert_allclose(pictures.mean(axis=(1, 2, 3)), expected, atol=4)


def test_videos_can_be_left_out(save):
  path = save(*both(), video=True)
  first, _ = lerobot.read(path, skip_videos=True)
  assert 'images.top' not in first.steps['observation']
  with pytest.raises(
    schema.BadEpisodeError, match='episode 0: the video.*missing.*skip_videos'
  ):
    next(lerobot.read(path))


def test_without_the_extra_for_videos_it_is_named(tmp_path, monkeypatch):
  path = save_v2(tmp_path, *both(), video=True)
  write_video(
    tmp_path / 'videos/chunk-000/observation.images.top/episode_000000.mp4',
    (0, 0, 0),
  )
  monkeypatch.setitem(sys.modules, 'imageio_ffmpeg', None)
  with pytest.raises(ValueError, match=r'imageio_ffmpeg.*awopt-agent\[video\]'):
    next(lerobot.read(path))


def test_videos_of_depths_are_refused(tmp_path):
  depth = {'dtype': 'video', 'info': {'is_depth_map': True}}
  path = save_v2(tmp_path, *both(), features={'depth': depth})
  with pytest.raises(ValueError, match='depth is a video of depths'):
    lerobot.read(path)


@pytest.mark.parametrize(
  'changes, message',
  [
    (
      {'frame_index': pa.array([0, 2])},
      'frame_index does not count from 0 to 1',
    ),
    ({'task_index': pa.array([1, 7])}, 'task_index 7 is not in meta/tasks'),
    ({'index': pa.array([1, None])}, 'index lacks 1 values'),
  ],
)
def test_a_bad_episode_is_named_and_reading_goes_on(save, changes, message):
  good = columns_of(0, 3)
  bad = columns_of(1, 2, **changes)
  episodes = lerobot.read(save(good, bad))
  next(episodes)
  with pytest.raises(schema.BadEpisodeError, match=f'episode 1: ?.*{message}'):
    next(episodes)
  assert next(episodes, None) is None


def test_an_episode_of_another_length_than_meta_says_is_refused(save):
  path = save(columns_of(0, 2))
  with pytest.raises(schema.BadEpisodeError, match='has 2 rows.*says 3'):
    next(lerobot.read(path))


def test_a_set_that_lacks_episodes_is_refused(save):
  episodes = lerobot.read(save(*both(), total_episodes=3))
  with pytest.raises(ValueError, match='holds 2 episodes, but.*says 3'):
    list(episodes)


def test_episodes_in_disorder_are_refused(save):
  episodes = lerobot.read(save(columns_of(1, 2), columns_of(0, 3)))
  with pytest.raises(ValueError, match='episode 0 stands behind episode 1'):
    list(episodes)


def test_a_file_that_was_not_downloaded_is_named(tmp_path):
  path = save_v2(tmp_path, *both())
  (tmp_path / V2.format(1)).write_text('version https://git-lfs.github.com')
  with pytest.raises(ValueError, match='episode_000001.*git lfs pull') as error:
    list(lerobot.read(path))
  assert len(str(error.value).splitlines()) == 1


def test_without_actions_the_columns_are_listed(save):
  path = save(columns_of(0, 3, action=None))
  with pytest.raises(ValueError, match='has no action, only observation.state'):
    next(lerobot.read(path))


def test_an_unknown_terminal_is_refused(save):
  with pytest.raises(ValueError, match="success, done, never, got 'maybe'"):
    lerobot.read(save(*both()), terminal='maybe')
