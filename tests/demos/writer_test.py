import json
import os
import resource

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

from awopt_agent.demos import reader, schema, set_writer, writer
from tests.demos import fakes


def _episodes(count=4):
  return [
    fakes.make_episode(3 + k, success=k % 2 == 0, is_terminal=k != 1, seed=k)
    for k in range(count)
  ]


def _contents(folder):
  return {
    os.path.relpath(os.path.join(root, name), folder): open(
      os.path.join(root, name), 'rb'
    ).read()
    for root, _, names in os.walk(folder)
    for name in names
  }


@pytest.fixture(name='folder')
def _folder(tmp_path):
  return str(tmp_path / 'deep' / 'small_demos')


def test_what_was_written_is_read_value_for_value(folder):
  path = writer.write_episodes(_episodes(), folder, **fakes.SPECS)
  assert path == os.path.join(folder, '1.0.0')
  read = list(reader.read_episodes(folder, **fakes.SPECS))
  assert len(read) == 4
  for left, right in zip(read, _episodes(), strict=True):
    fakes.assert_same(left, right)


def test_tfds_reads_it_by_folder_and_by_name(folder):
  path = writer.write_episodes(_episodes(), folder, **fakes.SPECS)
  by_folder = tfds.builder_from_directory(path).as_dataset('train[:3]')
  by_name = tfds.load(
    'small_demos', data_dir=os.path.dirname(folder), split='train[:3]'
  )
  for dataset in (by_folder, by_name):
    lengths = [len(episode['steps']) for episode in dataset]
    assert lengths == [4, 5, 6]


def test_equal_episodes_give_equal_bytes(tmp_path):
  contents = []
  for parent in ('a', 'b'):
    folder = str(tmp_path / parent / 'small_demos')
    writer.write_episodes(_episodes(), folder, **fakes.SPECS)
    contents.append(_contents(folder))
  assert contents[0] == contents[1]
  assert len(contents[0]) == 3


def test_split_version_and_description_are_kept(folder):
  path = writer.write_episodes(
    _episodes(2),
    folder,
    split='test',
    version='2.1.0',
    description='Two of them.',
    **fakes.SPECS,
  )
  with open(os.path.join(path, 'dataset_info.json')) as file:
    info = json.load(file)
  assert info['version'] == '2.1.0'
  assert info['description'] == 'Two of them.'
  assert [split['name'] for split in info['splits']] == ['test']


def test_more_episodes_than_a_file_holds_keep_their_order(folder, monkeypatch):
  monkeypatch.setattr(set_writer, '_EPISODES_PER_FILE', 4)
  writer.write_episodes(_episodes(10), folder, **fakes.SPECS)
  lengths = [episode.length for episode in reader.read_episodes(folder)]
  assert lengths == list(range(3, 13))


def test_pictures_survive_exactly(folder):
  spec = ts.time_step_spec(array_spec.ArraySpec((8, 6, 3), np.uint8))
  rng = np.random.default_rng(0)
  pictures = rng.integers(0, 256, (4, 8, 6, 3)).astype(np.uint8)
  episode = fakes.make_episode(3)._replace(observation=pictures)
  writer.write_episodes(
    [episode], folder, time_step_spec=spec, action_spec=fakes.ACTION_SPEC
  )
  (read,) = reader.read_episodes(folder)
  np.testing.assert_array_equal(read.observation, pictures)


def test_never_overwrites_a_set(folder):
  writer.write_episodes(_episodes(2), folder, **fakes.SPECS)
  before = _contents(folder)
  with pytest.raises(FileExistsError, match='1.0.0 exists.*another folder'):
    writer.write_episodes(_episodes(3), folder, **fakes.SPECS)
  assert _contents(folder) == before
  # A second version stands beside it.
  writer.write_episodes(_episodes(3), folder, version='1.10.0', **fakes.SPECS)
  assert len(list(reader.read_episodes(folder))) == 3


@pytest.mark.parametrize('error', [KeyboardInterrupt, SystemExit, ValueError])
def test_an_interrupted_recording_leaves_nothing(tmp_path, folder, error):
  def interrupted():
    yield from _episodes(2)
    raise error('enough')

  with pytest.raises(error, match='enough'):
    writer.write_episodes(interrupted(), folder, **fakes.SPECS)
  assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_what_stood_in_the_folder(tmp_path, folder):
  os.makedirs(folder)
  (tmp_path / 'deep' / 'small_demos' / 'README.md').write_text('mine')
  with pytest.raises(ValueError, match='no episode to write'):
    writer.write_episodes([], folder, **fakes.SPECS)
  assert os.listdir(folder) == ['README.md']


def test_a_full_disk_leaves_nothing_and_is_named(tmp_path, folder):
  # A limit on file sizes fails like a full disk: in the middle of a write.
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (8000, limits[1]))
  try:
    with pytest.raises(OSError, match=f'cannot write to {folder}: .*free'):
      writer.write_episodes(_episodes(40), folder, **fakes.SPECS)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  assert list(tmp_path.iterdir()) == []


def test_a_parent_that_cannot_hold_folders_is_named(tmp_path):
  (tmp_path / 'file').write_text('')
  folder = str(tmp_path / 'file' / 'small_demos')
  with pytest.raises(OSError, match=f'cannot write to {folder}: '):
    writer.write_episodes(_episodes(1), folder, **fakes.SPECS)


def test_an_episode_that_does_not_fit_is_refused(tmp_path, folder):
  bad = fakes.make_episode(3)._replace(action={'move': np.zeros((4, 2))})
  with pytest.raises(ValueError, match='^episode 1: has the fields action/mo'):
    writer.write_episodes([fakes.make_episode(2), bad], folder, **fakes.SPECS)
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('name', ['My-Demos', '0demos', 'demos.v1'])
def test_refuses_a_folder_that_cannot_name_a_set(tmp_path, name):
  with pytest.raises(ValueError, match=f"'{name}' cannot name.*my_demos"):
    writer.check_target(str(tmp_path / name))


def test_refuses_a_version_that_is_none(folder):
  with pytest.raises(ValueError, match="three numbers.*got 'v1'"):
    writer.check_target(folder, 'v1')


def test_refuses_nests_without_names():
  spec = (array_spec.ArraySpec((), np.float32),)
  with pytest.raises(ValueError, match='dicts of arrays, got a tuple'):
    writer.make_features(spec)


def _stored(length, **changes):
  steps = {
    'observation': {'joints': np.arange(2.0 * length).reshape(length, 2)},
    'action': np.ones((length, 3)),
    'note': np.array([b'grasp'] * length, object),
    'is_first': np.arange(length) == 0,
  }
  metadata = {'operator': b'ann', 'start': np.array([0.1, 0.2])}
  return schema.StoredEpisode({**steps, **changes}, metadata)


def test_stored_episodes_keep_their_fields_types_and_values(folder):
  path = writer.write_stored([_stored(3), _stored(1)], folder)
  long, short = reader.read_stored(path)
  assert (long.num_steps, short.num_steps) == (3, 1)
  assert long.steps['observation']['joints'].dtype == np.float64
  np.testing.assert_array_equal(
    long.steps['observation']['joints'], [[0, 1], [2, 3], [4, 5]]
  )
  assert long.steps['note'].tolist() == [b'grasp'] * 3
  assert long.steps['is_first'].tolist() == [True, False, False]
  assert long.metadata['operator'] == b'ann'
  assert long.metadata['start'].tolist() == [0.1, 0.2]


def test_a_stored_episode_unlike_the_first_is_named_and_nothing_kept(folder):
  other = _stored(2, action=np.ones((2, 4)))
  with pytest.raises(
    ValueError, match=r'^episode 1 .*: action has .*4'
  ) as raised:
    writer.write_stored([_stored(3), other], folder)
  assert len(str(raised.value).splitlines()) == 1
  assert not os.path.exists(folder)
