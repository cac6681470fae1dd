import collections
import json

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import array_spec, tensor_spec

from awopt_agent.serving import parts as parts_lib
from tests.serving import fakes

Pose = collections.namedtuple('Pose', ['z', 'angle'])


def test_names_leaves_in_tensorflows_order():
  spec = {
    'pose': Pose(
      z=array_spec.ArraySpec([2], np.float32),
      angle=array_spec.ArraySpec([3], np.float64),
    ),
    'Cam-0': [tf.TensorSpec([4], tf.uint8)],
  }
  parts = parts_lib.from_spec(spec, 'observation')
  assert [part.name for part in parts] == ['Cam_0_0', 'pose_z', 'pose_angle']
  assert [part.dtype for part in parts] == ['uint8', 'float32', 'float64']
  shapes = [list(leaf.shape) for leaf in tf.nest.flatten(spec)]
  assert [list(part.shape) for part in parts] == shapes


def test_a_tuple_has_names_that_tensorflow_takes():
  spec = (fakes.BARE_OBSERVATION, fakes.BARE_ACTION)
  parts = parts_lib.from_spec(spec, 'observation')
  assert [part.name for part in parts] == ['part_0', 'part_1']


def test_an_action_stands_beside_an_observation_with_parts_of_its_names():
  spec = {'grip': fakes.BARE_ACTION, 'pose': fakes.BARE_OBSERVATION}
  parts = parts_lib.from_spec(spec, 'observation')
  inputs = parts_lib.as_inputs(parts, parts[:1])
  assert [part.name for part in inputs] == ['grip', 'pose', 'action_grip']
  assert inputs[2].shape == parts[0].shape
  bare = parts_lib.from_spec(fakes.BARE_ACTION, 'action')
  assert parts_lib.as_inputs([], bare)[0].name == 'action_action'


def test_refuses_an_observation_named_as_an_action():
  one, two = (
    parts_lib.from_spec({name: fakes.BARE_ACTION}, 'x')
    for name in ('action_move', 'move')
  )
  with pytest.raises(ValueError, match="both be named 'action_move' .*rename"):
    parts_lib.as_inputs(one, two)


def test_refuses_two_parts_of_one_name():
  leaf = fakes.BARE_ACTION
  with pytest.raises(ValueError, match="the action spec .*'a_b' in .*rename"):
    parts_lib.from_spec({'a': {'b': leaf}, 'a_b': leaf}, 'action')


def test_refuses_words():
  spec = {'word': tf.TensorSpec([], tf.string)}
  with pytest.raises(ValueError, match="'word' must hold numbers"):
    parts_lib.from_spec(spec, 'observation')


def test_json_keeps_a_part_infinite_bounds_too():
  spec = {
    'reach': tensor_spec.BoundedTensorSpec(
      [2], tf.float32, [-np.inf, 0.1], [np.inf, 0.3]
    ),
    'free': tf.TensorSpec([1], tf.float32),
    'count': tensor_spec.BoundedTensorSpec([], tf.int64, 1, 3),
  }
  for part in parts_lib.from_spec(spec, 'observation'):
    text = json.dumps(part.as_record(), allow_nan=False)
    again = parts_lib.from_record(json.loads(text))
    assert again._replace(minimum=None, maximum=None) == part._replace(
      minimum=None, maximum=None
    )
    for one, two in (
      (again.minimum, part.minimum),
      (again.maximum, part.maximum),
    ):
      np.testing.assert_array_equal(one, two)


def test_pack_reverses_flatten():
  parts = parts_lib.from_spec(fakes.NESTED_OBSERVATION, 'observation')
  nest = fakes.observe(fakes.NESTED_OBSERVATION, 2)
  values = parts_lib.flatten(parts, nest, 'observation')
  assert list(values) == ['arm_pose', 'cup_0', 'cup_1']
  packed = parts_lib.pack(parts, values)
  tf.nest.assert_same_structure(packed, nest)
  tf.nest.map_structure(np.testing.assert_array_equal, packed, nest)
