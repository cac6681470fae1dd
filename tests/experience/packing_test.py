import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.experience import packing
from tests import fakes

SPEC = {
  'place': tf.TensorSpec([2], tf.float32, 'place'),
  'clock': tf.TensorSpec([], tf.float32, 'clock'),
  'grip': tf.TensorSpec([], tf.int32, 'grip'),
  'image': tf.TensorSpec([32, 16, 3], tf.uint8, 'image'),
}


def steps(length):
  return {
    'place': np.arange(2 * length, dtype=np.float32).reshape(length, 2),
    'clock': 100 + np.arange(length, dtype=np.float32),
    'grip': np.arange(length, dtype=np.int32),
    'image': np.arange(1536 * length)
    .reshape(length, 32, 16, 3)
    .astype(np.uint8),
  }


def test_small_parts_of_a_type_share_a_column_and_images_have_their_own():
  packer = packing.StepPacking(SPEC)
  assert packer.large == {'part_2'}
  columns = packer.pack(steps(3))
  # In the order of the keys: clock, then place.
  np.testing.assert_array_equal(
    columns['float32'], [[100, 0, 1], [101, 2, 3], [102, 4, 5]]
  )
  np.testing.assert_array_equal(columns['int32'], [[0], [1], [2]])
  assert sorted(
    (name, column.shape, column.dtype.name) for name, column in columns.items()
  ) == [
    ('float32', (3, 3), 'float32'),
    ('int32', (3, 1), 'int32'),
    ('part_2', (3, 1536), 'uint8'),
  ]


@pytest.mark.parametrize('outer', [(6,), (2, 3)])
def test_unpacks_what_it_packed(outer):
  packer = packing.StepPacking(SPEC)
  columns = {
    name: tf.reshape(column, [*outer, column.shape[-1]])
    for name, column in packer.pack(steps(6)).items()
  }
  unpacked = packer.unpack(columns)
  tf.nest.assert_same_structure(unpacked, SPEC)
  for name, value in steps(6).items():
    assert unpacked[name].dtype == SPEC[name].dtype
    assert unpacked[name].shape == (*outer, *SPEC[name].shape)
    np.testing.assert_array_equal(
      unpacked[name], value.reshape(unpacked[name].shape)
    )


def test_an_episode_survives():
  episode = fakes.make_episode(4, episode_id=2**40, success=True)
  packer = packing.StepPacking(fakes.step_spec())
  columns = tf.nest.map_structure(tf.constant, packer.pack(episode))
  for before, after in zip(
    tf.nest.flatten(episode),
    tf.nest.flatten(packer.unpack(columns)),
    strict=True,
  ):
    assert after.dtype == before.dtype
    np.testing.assert_array_equal(after, before)


def test_another_shape_is_refused():
  wrong = {**steps(3), 'clock': np.zeros((3, 1), np.float32)}
  with pytest.raises(ValueError, match=r'clock must have shape \(\)'):
    packing.StepPacking(SPEC).pack(wrong)


def test_another_structure_is_refused():
  wrong = steps(3)
  del wrong['grip']
  with pytest.raises((ValueError, TypeError), match='structure'):
    packing.StepPacking(SPEC).pack(wrong)


def test_columns_of_a_part_are_enough_to_unpack_it():
  packer = packing.StepPacking(SPEC)
  part = {name: SPEC[name] for name in ('clock', 'grip')}
  assert sorted(packer.columns_of(part)) == ['float32', 'int32']
  columns = packer.pack(steps(3))
  unpacked = packer.unpack(
    {name: tf.constant(columns[name]) for name in packer.columns_of(part)}
  )
  np.testing.assert_array_equal(unpacked['clock'], [100, 101, 102])
  np.testing.assert_array_equal(unpacked['grip'], [0, 1, 2])
  assert unpacked['image'] is None


def test_a_part_is_found_in_the_columns():
  episode = fakes.make_episode(4, episode_id=2**40, success=True)
  spec = fakes.step_spec()
  packer = packing.StepPacking(spec)
  columns = packer.pack(episode)
  places = packer.slices_of(spec.label)
  for value, (name, where, shape) in zip(episode.label, places, strict=True):
    found = columns[name][:, where].reshape(-1, *shape)
    assert found.dtype == value.dtype
    np.testing.assert_array_equal(found, value)


def test_slices_of_all_parts_fill_the_columns():
  packer = packing.StepPacking(SPEC)
  # In the order of the keys: clock, grip, image, place.
  assert packer.slices_of(SPEC) == [
    ('float32', slice(0, 1), ()),
    ('int32', slice(0, 1), ()),
    ('part_2', slice(0, 1536), (32, 16, 3)),
    ('float32', slice(1, 3), (2,)),
  ]
