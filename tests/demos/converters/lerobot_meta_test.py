import pytest

from awopt_agent.demos.converters import lerobot_meta
from tests.demos.converters import fakes

INFO = {
  'codebase_version': 'v3.0',
  'total_episodes': 2,
  'fps': 10,
  'chunks_size': 1000,
  'video_path': 'videos/{video_key}/chunk-{chunk_index:03d}/'
  'file-{file_index:03d}.mp4',
  'features': {
    'cam': {'dtype': 'video', 'info': {'video.is_depth_map': False}},
    'depth': {'dtype': 'video', 'info': {'video.is_depth_map': True}},
    'action': {'dtype': 'float32'},
  },
}


def save(tmp_path, **changes):
  info = {n: v for n, v in {**INFO, **changes}.items() if v is not None}
  fakes.write_json(tmp_path / 'meta' / 'info.json', info)
  return str(tmp_path)


def test_version_3_finds_tasks_lengths_and_videos(tmp_path):
  path = save(tmp_path)
  fakes.write_parquet(
    tmp_path / 'meta' / 'tasks.parquet',
    {'task_index': [0, 1], '__index_level_0__': ['lift', 'drop']},
  )
  fakes.write_parquet(
    tmp_path / 'meta' / 'episodes' / 'chunk-000' / 'file-000.parquet',
    {
      'episode_index': [0, 1],
      'length': [30, 20],
      'videos/cam/chunk_index': [0, 0],
      'videos/cam/file_index': [4, 4],
      'videos/cam/from_timestamp': [0.0, 3.0],
      'stats/action/mean': [[0.0], [1.0]],
    },
  )
  about = lerobot_meta.read(path)
  assert about.tasks == {0: 'lift', 1: 'drop'}
  assert (about.length_of(0), about.length_of(1)) == (30, 20)
  assert 'stats/action/mean' not in about.episodes[0]
  # Episode 1 begins 3 s into the file, of 10 frames a second.
  file = f'{path}/videos/cam/chunk-000/file-004.mp4'
  assert about.video_of('cam', 0) == (file, 0)
  assert about.video_of('cam', 1) == (file, 30)


def test_version_2_finds_tasks_lengths_and_videos(tmp_path):
  path = save(
    tmp_path,
    codebase_version='v2.1',
    video_path='videos/chunk-{episode_chunk:03d}/{video_key}/'
    'episode_{episode_index:06d}.mp4',
  )
  (tmp_path / 'meta' / 'tasks.jsonl').write_text(
    '{"task_index": 3, "task": "lift"}\n\n'
  )
  (tmp_path / 'meta' / 'episodes.jsonl').write_text(
    '{"episode_index": 0, "length": 30}\n'
  )
  about = lerobot_meta.read(path)
  assert about.tasks == {3: 'lift'}
  assert (about.length_of(0), about.length_of(1)) == (30, None)
  assert about.video_of('cam', 2017) == (
    f'{path}/videos/chunk-002/cam/episode_002017.mp4',
    0,
  )


def test_videos_are_told_from_depths(tmp_path):
  about = lerobot_meta.read(save(tmp_path))
  assert about.videos == ['cam', 'depth']
  assert [about.is_depth(name) for name in about.videos] == [False, True]


def test_files_are_sorted_by_their_numbers():
  names = ['chunk-1000/file-002', 'chunk-999/file-010', 'chunk-999/file-009']
  assert sorted(names, key=lerobot_meta.numbers_in) == names[::-1]


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'codebase_version': 'v1.6'}, 'of LeRobot v1.6, but v2.0 to v3.0'),
    ({'codebase_version': None}, 'info.json is none of'),
    ({'features': None}, 'does not say its features'),
  ],
)
def test_other_versions_are_refused(tmp_path, changes, message):
  with pytest.raises(ValueError, match=message):
    lerobot_meta.read(save(tmp_path, **changes))


@pytest.mark.parametrize('name', ['info.json', 'tasks.jsonl', 'tasks.parquet'])
def test_broken_files_are_named_in_one_line(tmp_path, name):
  path = save(tmp_path)
  (tmp_path / 'meta' / name).write_text('version https://git-lfs')
  with pytest.raises(ValueError, match=f'{path}.*download it again') as raised:
    lerobot_meta.read(path)
  assert len(str(raised.value).splitlines()) == 1
