import struct

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


def test_small_parts_share_a_column_and_images_have_their_own():
  packer = packing.StepPacking(SPEC)
  assert packer.large == {'part_2'}
  columns = packer.pack(steps(3))
  # By dtype in the order of the keys: clock and place, then grip.
  expected = b''.join(
    struct.pack('<3fi', 100 + t, 2 * t, 2 * t + 1, t) for t in range(3)
  )
  assert columns[packer.small].tobytes() == expected
  assert sorted(
    (name, column.shape, column.dtype.name) for name, column in columns.items()
  ) == [
    ('part_2', (3, 1536), 'uint8'),
    (packer.small, (3, 16), 'uint8'),
  ]
  for name, column in columns.items():
    assert packer.spec[name].shape == column.shape[1:]
    assert packer.spec[name].dtype == column.dtype


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
  assert packer.columns_of(part) == [packer.small]
  assert packer.columns_of(SPEC['image']) == ['part_2']
  assert packer.columns_of(SPEC) == ['part_2', packer.small]
  columns = packer.pack(steps(3))
  unpacked = packer.unpack({packer.small: tf.constant(columns[packer.small])})
  np.testing.assert_array_equal(unpacked['clock'], [100, 101, 102])
  np.testing.assert_array_equal(unpacked['grip'], [0, 1, 2])
  assert unpacked['image'] is None


def test_a_part_is_read_without_the_rest():
  episode = fakes.make_episode(4, episode_id=2**40, success=True)
  spec = fakes.step_spec()
  packer = packing.StepPacking(spec)
  columns = packer.pack(episode)
  for value, part in zip(episode.label, spec.label, strict=True):
    found = packer.read(part, columns)
    assert found.dtype == value.dtype
    np.testing.assert_array_equal(found, value)


def test_a_large_part_is_read_too():
  packer = packing.StepPacking(SPEC)
  read = packer.read(SPEC['image'], packer.pack(steps(3)))
  np.testing.assert_array_equal(read, steps(3)['image'])


def test_values_are_all_numbers_by_their_type():
  packer = packing.StepPacking({**SPEC, 'won': tf.TensorSpec([], tf.bool)})
  columns = packer.pack({**steps(2), 'won': np.array([True, False])})
  values = packer.values(columns)
  np.testing.assert_array_equal(values['float32'], [[100, 0, 1], [101, 2, 3]])
  np.testing.assert_array_equal(values['int32'], [[0], [1]])
  np.testing.assert_array_equal(values['bool'], [[1], [0]])
  assert values['part_2'].shape == (2, 1536)


def test_a_step_of_bytes_and_flags_survives():
  spec = {
    'flags': tf.TensorSpec([2], tf.bool, 'flags'),
    'small': tf.TensorSpec([3], tf.uint8, 'small'),
    'signed': tf.TensorSpec([], tf.int8, 'signed'),
    'wide': tf.TensorSpec([], tf.float64, 'wide'),
  }
  packer = packing.StepPacking(spec)
  before = {
    'flags': np.array([[True, False], [False, True]]),
    'small': np.array([[0, 128, 255], [1, 2, 3]], np.uint8),
    'signed': np.array([-128, 127], np.int8),
    'wide': np.array([1e-300, -np.pi]),
  }
  after = packer.unpack(tf.nest.map_structure(tf.constant, packer.pack(before)))
  for name, value in before.items():
    assert after[name].dtype == spec[name].dtype
    np.testing.assert_array_equal(after[name], value)


def test_a_step_of_a_picture_alone_has_no_other_column():
  packer = packing.StepPacking(SPEC['image'])
  assert sorted(packer.spec) == ['part_0']
  image = steps(2)['image']
  columns = tf.nest.map_structure(tf.constant, packer.pack(image))
  np.testing.assert_array_equal(packer.unpack(columns), image)


@pytest.mark.parametrize(
  'change',
  [
    {'grip': tf.TensorSpec([], tf.float32, 'grip')},
    {'place': tf.TensorSpec([1, 2], tf.float32, 'place')},
  ],
)
def test_bytes_that_lie_otherwise_have_another_name(change):
  own, other = (
    packing.StepPacking(SPEC),
    packing.StepPacking({**SPEC, **change}),
  )
  # As many bytes: nothing else would tell them apart.
  sizes = [one.spec[one.small].shape for one in (own, other)]
  assert sizes[0] == sizes[1]
  assert own.small != other.small


def test_the_key_of_a_part_tells_it_apart_and_its_specs_name_does_not():
  own, renamed, moved = (
    packing.StepPacking({key: tf.TensorSpec([], tf.float32, name)}).small
    for key, name in (('clock', 'clock'), ('clock', None), ('watch', 'clock'))
  )
  assert own == renamed != moved
