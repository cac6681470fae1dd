import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from awopt_agent.learning import action_codec


def bounded(shape, dtype, low, high, name='part'):
  return tensor_spec.BoundedTensorSpec(shape, dtype, low, high, name)


# Flattened by key: gripper.fingers, gripper.mode, move, speed, turn.
SPEC = {
  'move': bounded([2], tf.float32, [-2.0, 0.0], [2.0, 10.0]),
  'gripper': {
    'mode': bounded([], tf.int32, 3, 5),
    'fingers': bounded([2], tf.int64, -1, 0),
  },
  'turn': bounded([1, 2], tf.float32, -1.0, 1.0),
  'speed': bounded([], tf.float32, 1.0, 2.0),
}
ACTIONS = {
  'move': tf.constant([[-2.0, 5.0], [1.0, 10.0]]),
  'gripper': {
    'mode': tf.constant([3, 5]),
    'fingers': tf.constant([[-1, 0], [0, 0]], tf.int64),
  },
  'turn': tf.constant([[[0.5, -0.5]], [[1.0, 0.0]]]),
  'speed': tf.constant([1.25, 2.0]),
}
# move: 2 (v - low) / (high - low) - 1 = -1, 0 and .5, 1; speed: 2 * .25 - 1 =
# -.5 and 1; turn as it is. Then fingers twice, {-1, 0}, and mode, {3, 4, 5}.
VECTORS = [
  [-1.0, 0.0, -0.5, 0.5, -0.5, 1, 0, 0, 1, 1, 0, 0],
  [0.5, 1.0, 1.0, 1.0, 0.0, 0, 1, 0, 1, 0, 0, 1],
]


def assert_same_nest(left, right):
  tf.nest.assert_same_structure(left, right)
  for one, two in zip(
    tf.nest.flatten(left), tf.nest.flatten(right), strict=True
  ):
    assert one.dtype == two.dtype
    assert one.shape == two.shape
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_encodes_continuous_parts_first_then_one_hot_groups():
  codec = action_codec.ActionCodec(SPEC)
  assert codec.size == 12
  assert codec.continuous_size == 5
  assert codec.discrete_sizes == (2, 2, 3)
  np.testing.assert_allclose(codec.encode(ACTIONS), VECTORS, atol=1e-6)


def test_decodes_what_it_encoded():
  codec = action_codec.ActionCodec(SPEC)
  assert_same_nest(codec.decode(tf.constant(VECTORS)), ACTIONS)
  assert_same_nest(codec.decode(codec.encode(ACTIONS)), ACTIONS)


def test_random_actions_survive_the_round_trip():
  codec = action_codec.ActionCodec(SPEC)
  actions = tensor_spec.sample_spec_nest(SPEC, seed=1, outer_dims=(50,))
  assert_same_nest(codec.decode(codec.encode(actions)), actions)


@pytest.mark.parametrize('outer', [(), (3,), (2, 3), (0,)])
def test_takes_any_number_of_outer_dimensions(outer):
  codec = action_codec.ActionCodec(SPEC)
  actions = tensor_spec.sample_spec_nest(SPEC, seed=1, outer_dims=outer)
  vectors = codec.encode(actions)
  assert vectors.shape == (*outer, 12)
  assert_same_nest(codec.decode(vectors), actions)


def test_decode_clips_to_the_bounds():
  codec = action_codec.ActionCodec(SPEC)
  wide = tf.constant([[-9.0, 9.0, -1.5, 1.01, -2.0] + [0.0] * 7])
  action = codec.decode(wide)
  np.testing.assert_array_equal(action['move'], [[-2, 10]])
  np.testing.assert_array_equal(action['speed'], [1])
  np.testing.assert_array_equal(action['turn'], [[[1, -1]]])


def test_decoded_actions_never_leave_the_spec_by_rounding():
  # In float32 .7 + (1.9 - .7) is above 1.9.
  spec = bounded([1], tf.float32, 0.7, 1.9)
  codec = action_codec.ActionCodec(spec)
  action = codec.decode(tf.linspace([-1.0], [1.0], 1001)).numpy()
  assert action.min() == np.float32(0.7)
  assert action.max() == np.float32(1.9)


def test_the_greatest_entry_of_a_group_wins():
  codec = action_codec.ActionCodec(SPEC)
  soft = [0.0] * 5 + [0.2, 0.3, 0.9, 0.8, -3.0, -1.0, -2.0]
  action = codec.decode(tf.constant([soft]))
  np.testing.assert_array_equal(action['gripper']['fingers'], [[0, -1]])
  np.testing.assert_array_equal(action['gripper']['mode'], [4])


def test_a_single_spec_needs_no_nest():
  codec = action_codec.ActionCodec(bounded([2], tf.float32, 0.0, 4.0))
  np.testing.assert_allclose(codec.encode(tf.constant([1.0, 4.0])), [-0.5, 1])
  np.testing.assert_allclose(codec.decode(tf.constant([-0.5, 1.0])), [1, 4])


def test_one_spec_object_may_stand_for_two_parts():
  part = bounded([1], tf.float32, -1.0, 1.0)
  switch = bounded([], tf.int32, 0, 1)
  codec = action_codec.ActionCodec(
    {'left': part, 'right': part, 'up': switch, 'down': switch}
  )
  action = {
    'left': tf.constant([[0.25]]),
    'right': tf.constant([[-0.75]]),
    'up': tf.constant([1]),
    'down': tf.constant([0]),
  }
  assert_same_nest(codec.decode(codec.encode(action)), action)


@pytest.mark.parametrize('dtype', [tf.float64, tf.uint8, tf.int64])
def test_keeps_the_type_of_a_part(dtype):
  spec = bounded([2], dtype, 0, 3)
  codec = action_codec.ActionCodec(spec)
  action = tf.constant([[0, 3], [2, 1]], dtype)
  vector = codec.encode(action)
  assert vector.dtype == tf.float32
  assert_same_nest(codec.decode(vector), action)


def test_works_inside_a_function_of_any_batch_size():
  codec = action_codec.ActionCodec(SPEC)

  @tf.function(
    autograph=False, input_signature=[tf.TensorSpec([None, 12], tf.float32)]
  )
  def run(vector):
    action = codec.decode(vector)
    assert action['move'].shape.as_list() == [None, 2]
    assert action['speed'].shape.rank == 1
    return codec.encode(action)

  np.testing.assert_allclose(run(tf.constant(VECTORS)), VECTORS, atol=1e-6)


@pytest.mark.parametrize(
  ('part', 'message'),
  [
    (tf.TensorSpec([2], tf.float32, 'arm'), "'arm' must have finite bounds"),
    (bounded([], tf.float32, -np.inf, 1.0), 'finite bounds'),
    (bounded([], tf.float32, 0.0, np.inf), 'finite bounds'),
    (bounded([], tf.float32, 0.0, tf.float32.max), 'finite bounds'),
    (bounded([], tf.float32, tf.float32.min, 0.0), 'finite bounds'),
    (bounded([], tf.float32, 1.0, 1.0), 'minimum < maximum'),
    (bounded([2], tf.int32, [0, 0], [1, 2]), 'split it into several parts'),
    (bounded([], tf.int32, tf.int32.min, tf.int32.max), 'values'),
    (bounded([], tf.bool, False, True), 'must be float or integer'),
  ],
)
def test_a_part_that_cannot_be_coded_is_named(part, message):
  with pytest.raises(ValueError, match=message):
    action_codec.ActionCodec({'good': SPEC['speed'], 'bad': part})


def test_another_structure_is_refused():
  codec = action_codec.ActionCodec(SPEC)
  with pytest.raises((ValueError, TypeError), match='structure'):
    codec.encode({**ACTIONS, 'extra': tf.constant([1.0, 1.0])})
