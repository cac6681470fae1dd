import os

import numpy as np
import pytest
import tensorflow_datasets as tfds

from awopt_agent.demos import set_writer

FEATURES = tfds.features.FeaturesDict(
  {'steps': tfds.features.Dataset({'reward': np.float32})}
)


def _open(folder, **kwargs):
  return set_writer.SetWriter(
    str(folder), name='small', version='1.0.0', **kwargs
  )


def _example(reward):
  return FEATURES.serialize_example({'steps': [{'reward': reward}]})


def _rewards(folder, split='train'):
  dataset = tfds.builder_from_directory(str(folder)).as_dataset(split)
  return [
    float(step['reward']) for episode in dataset for step in episode['steps']
  ]


def test_what_is_not_published_is_not_seen(tmp_path):
  writing = _open(tmp_path, features=FEATURES)
  writing.add('train', _example(1))
  assert (writing.published, writing.pending) == (0, 1)
  writing.publish()
  assert (writing.published, writing.pending) == (1, 0)
  writing.add('train', _example(2))
  # Neither closed nor published: as after a kill.
  assert _rewards(tmp_path) == [1]
  writing.publish()
  assert _rewards(tmp_path) == [1, 2]


def test_a_set_is_appended_to_and_keeps_its_description(tmp_path):
  first = _open(tmp_path, features=FEATURES, description='Two grasps.')
  first.add('train', _example(1))
  first.add('val', _example(7))
  first.publish()
  before = {name: (tmp_path / name).stat().st_ino for name in _shards(tmp_path)}
  second = _open(tmp_path)
  assert second.published == 2
  second.add('train', _example(2))
  second.publish()
  assert _rewards(tmp_path) == [1, 2]
  assert _rewards(tmp_path, 'val') == [7]
  info = tfds.builder_from_directory(str(tmp_path)).info
  assert info.description == 'Two grasps.'
  assert all((tmp_path / k).stat().st_ino == v for k, v in before.items())


def _shards(folder):
  return [name for name in os.listdir(folder) if 'tfrecord' in name]


def test_no_litter_is_left(tmp_path):
  writing = _open(tmp_path, features=FEATURES)
  for reward in range(3):
    writing.add('train', _example(reward))
    writing.publish()
  assert sorted(os.listdir(tmp_path)) == [
    'dataset_info.json',
    'features.json',
    *(f'small-train.tfrecord-0000{index}' for index in range(3)),
  ]


def test_a_new_set_needs_features(tmp_path):
  with pytest.raises(ValueError, match='no features'):
    _open(tmp_path)


def test_files_named_by_their_number_are_not_appended_to(tmp_path):
  writing = _open(tmp_path, features=FEATURES)
  writing.add('train', _example(1))
  writing.publish()
  info = tmp_path / 'dataset_info.json'
  text = info.read_text().replace('{SHARD_INDEX}', '{SHARD_X_OF_Y}')
  info.write_text(text)
  with pytest.raises(ValueError, match='SHARD_X_OF_Y.* merge'):
    _open(tmp_path)
