import collections

import numpy as np
import pytest
from gymnasium import spaces
from tf_agents.specs import array_spec, tensor_spec

from awopt_agent.envs import gymnasium_spaces
from awopt_agent.learning import action_codec
from tests.envs.gymnasium_fakes import unit_box

_INF = np.inf


def observation(space, flatten=False, trust_bounds=True):
  return gymnasium_spaces.read_observation_space(
    space, 'E-v0', flatten=flatten, trust_bounds=trust_bounds
  )


def action(space):
  return gymnasium_spaces.read_action_space(space, 'E-v0')


def bounded(shape, dtype, low, high):
  low, high = np.asarray(low, dtype), np.asarray(high, dtype)
  return array_spec.BoundedArraySpec(shape, dtype, low, high)


@pytest.mark.parametrize(
  'space, spec',
  [
    (unit_box(2), bounded((2,), np.float32, -1, 1)),
    (unit_box(2, np.float64), bounded((2,), np.float32, -1, 1)),
    (unit_box(2, np.float16), bounded((2,), np.float32, -1, 1)),
    (spaces.Box(-_INF, _INF, (2,)), array_spec.ArraySpec((2,), np.float32)),
    (
      spaces.Box(np.array([0, -_INF]), np.array([_INF, 5]), dtype=np.float64),
      bounded((2,), np.float32, [0, -3.4028235e38], [3.4028235e38, 5]),
    ),
    (
      spaces.Box(0, 255, (4, 6, 3), np.uint8),
      bounded((4, 6, 3), np.uint8, 0, 255),
    ),
    (spaces.Box(0, 9, (2,), np.int64), bounded((2,), np.int32, 0, 9)),
    (
      spaces.Box(0, 2**40, (), np.int64),
      bounded((), np.int64, 0, 2**40),
    ),
    (
      spaces.Box(np.array([0, 1]), np.array([2, 3]), dtype=np.int16),
      bounded((2,), np.int32, [0, 1], [2, 3]),
    ),
    (spaces.Box(0, 1, (2,), np.bool_), bounded((2,), np.int32, 0, 1)),
    (spaces.Discrete(4, start=-2), bounded((), np.int32, -2, 1)),
    (spaces.MultiBinary((2, 3)), bounded((2, 3), np.int32, 0, 1)),
    # 1 + 2 - 1 = 2 and 5 + 3 - 1 = 7.
    (
      spaces.MultiDiscrete([2, 3], start=[1, 5]),
      bounded((2,), np.int32, [1, 5], [2, 7]),
    ),
  ],
  ids=str,
)
def test_observations_get_the_spec_of_their_space(space, spec):
  part = observation(space)
  assert type(part.spec) is type(spec)
  assert part.spec == spec
  assert part.spec.name == 'observation'
  sample = space.sample()
  value = part.read(sample)
  assert (value.shape, value.dtype) == (spec.shape, spec.dtype)
  np.testing.assert_array_equal(value, np.asarray(sample).astype(spec.dtype))


def test_bounds_beyond_float32_are_none():
  part = observation(spaces.Box(-1e300, 1e300, (2,), np.float64))
  assert type(part.spec) is array_spec.ArraySpec


def test_fields_keep_their_names_at_any_depth():
  space = spaces.Dict(
    {
      'arm': spaces.Dict({'joints': unit_box(2)}),
      'pair': spaces.Tuple([spaces.Discrete(3), unit_box()]),
    }
  )
  part = observation(space)
  assert part.spec['arm']['joints'].name == 'arm/joints'
  assert part.spec['pair']['part_0'] == bounded((), np.int32, 0, 2)
  value = part.read(
    {'arm': {'joints': [0.5, 1]}, 'pair': (2, np.array([0.25]))}
  )
  assert value['arm']['joints'].tolist() == [0.5, 1]
  assert value['pair']['part_0'].tolist() == 2
  assert value['pair']['part_1'].tolist() == [0.25]


def test_a_value_is_a_copy():
  buffer = np.zeros(2, np.float32)
  value = observation(unit_box(2)).read(buffer)
  buffer[:] = 1
  assert value.tolist() == [0, 0]


def test_flattened_observations_are_gymnasiums_vector_as_floats():
  space = spaces.Dict(
    collections.OrderedDict(
      z=spaces.Discrete(3, start=1),
      a=spaces.Box(0, 255, (1, 2, 1), np.uint8),
      m=spaces.Dict({'x': unit_box(1, np.float64)}),
    )
  )
  part = observation(space, flatten=True)
  # One-hot of 3 in {1, 2, 3}, two pixels, one number.
  value = part.read(
    {'z': 3, 'a': np.array([[[7], [8]]], np.uint8), 'm': {'x': [0.5]}}
  )
  assert value.dtype == np.float32
  assert value.tolist() == [0, 0, 1, 7, 8, 0.5]
  assert part.spec == bounded(
    (6,), np.float32, [0, 0, 0, 0, 0, -1], [1, 1, 1, 255, 255, 1]
  )


def test_bounds_that_are_not_trusted_are_not_declared():
  # In an ordered dictionary, y comes first.
  space = spaces.Dict(
    collections.OrderedDict(y=spaces.Discrete(2), x=unit_box())
  )
  part = observation(space, trust_bounds=False)
  assert type(part.spec['x']) is array_spec.ArraySpec
  assert part.read({'x': [3.0], 'y': 1})['x'].tolist() == [3]
  part = observation(space, flatten=True, trust_bounds=False)
  most = 3.4028235e38
  assert part.spec == bounded((3,), np.float32, [0, 0, -most], [1, 1, most])
  assert part.read({'x': [3.0], 'y': 1}).tolist() == [0, 1, 3]


@pytest.mark.parametrize(
  'space, value, message',
  [
    (unit_box(2), np.zeros(3), r'float32 of shape \(2,\), got float64 of sh'),
    (unit_box(2), [[0], [0, 1]], r'got object of shape \(\)'),
    (unit_box(), [None], 'got object'),
    (unit_box(), [np.nan], 'holds NaN or infinity'),
    (spaces.Box(-_INF, _INF, (1,)), [_INF], 'holds NaN or infinity'),
    (spaces.Box(-_INF, _INF, (1,)), [1e39], 'holds NaN or infinity'),
    (
      unit_box(),
      [1.5],
      r'must be in \[\[-1.\], \[1.\]\], got \[1.5\].*trust_b',
    ),
    (spaces.Discrete(3), 3, r'must be in \[0, 2\], got 3'),
    (spaces.Discrete(3), 1.0, r'must be int64 of shape \(\), got float64'),
    (spaces.Box(0, 255, (1,), np.uint8), [0.5], 'must be uint8 .*got float64'),
    (spaces.Box(0, 255, (1,), np.uint8), [256], r'must be in \[0, 255\]'),
    (spaces.MultiBinary(2), [0, 2], r'must be in \[0, 1\]'),
  ],
)
@pytest.mark.parametrize('flatten', [False, True])
def test_what_leaves_its_space_is_refused_with_the_field(
  space, value, message, flatten
):
  part = observation(spaces.Dict({'f': space}), flatten)
  with pytest.raises(ValueError, match=message) as raised:
    part.read({'f': value})
  assert str(raised.value).startswith("observation 'f' of E-v0 ")
  assert '\n' not in str(raised.value)


def test_rounding_to_float32_is_within_the_bounds():
  # .1 is 0.10000000149 in float32.
  part = observation(spaces.Box(-0.1, 0.1, (2,), np.float64))
  assert part.read([-0.1, 0.1]).tolist() == np.float32([-0.1, 0.1]).tolist()


@pytest.mark.parametrize(
  'value, found', [({'x': [0.0], 'z': 1}, 'x, z'), ({}, ''), ([0.0], 'a list')]
)
def test_fields_that_differ_are_refused(value, found):
  part = observation(spaces.Dict({'x': unit_box(), 'y': unit_box()}))
  with pytest.raises(
    ValueError, match=f'must have the parts x, y, got {found};'
  ):
    part.read(value)


def test_a_tuple_of_another_length_is_refused():
  part = observation(spaces.Tuple([unit_box(), unit_box()]))
  with pytest.raises(ValueError, match='must be a sequence of 2 parts'):
    part.read(([0.0],))


@pytest.mark.parametrize(
  'space',
  [
    spaces.Text(5),
    spaces.Sequence(unit_box()),
    spaces.Graph(unit_box(), None),
    spaces.OneOf([unit_box(), unit_box()]),
  ],
  ids=lambda space: type(space).__name__,
)
def test_spaces_without_arrays_are_refused_with_a_remedy(space):
  for flatten in (False, True):
    with pytest.raises(ValueError) as raised:
      observation(spaces.Dict({'note': space}), flatten)
    message = str(raised.value)
    kind = type(space).__name__
    assert message.startswith(f"observation 'note' of E-v0 is a {kind} space")
    assert 'FilterObservation' in message and '\n' not in message
  with pytest.raises(ValueError, match='TransformAction'):
    action(space)


@pytest.mark.parametrize(
  'space', [spaces.Dict({}), spaces.Dict({1: unit_box()})]
)
def test_parts_need_names(space):
  with pytest.raises(ValueError, match='named by strings'):
    observation(space)


def test_integers_beyond_int64_are_refused():
  with pytest.raises(ValueError, match='must fit int64'):
    observation(spaces.Box(0, 2**64 - 1, (1,), np.uint64))


@pytest.mark.parametrize(
  'space, spec, given, written',
  [
    (
      unit_box(2, np.float64),
      bounded((2,), np.float32, -1, 1),
      np.float32([0.5, -1]),
      np.array([0.5, -1.0]),
    ),
    (unit_box(), bounded((1,), np.float32, -1, 1), [1], np.float32([1])),
    (
      spaces.Discrete(3, start=-1),
      bounded((), np.int32, -1, 1),
      np.int32(1),
      np.int64(1),
    ),
    (
      spaces.MultiDiscrete([3, 3]),
      bounded((2,), np.int32, 0, 2),
      np.int32([2, 0]),
      np.array([2, 0]),
    ),
    (
      spaces.MultiBinary(2),
      bounded((2,), np.int32, 0, 1),
      np.int32([1, 0]),
      np.int8([1, 0]),
    ),
    (
      spaces.Box(0, 255, (1,), np.uint8),
      bounded((1,), np.int32, 0, 255),
      np.int32([255]),
      np.uint8([255]),
    ),
  ],
  ids=str,
)
def test_actions_go_back_in_the_type_of_their_space(
  space, spec, given, written
):
  part = action(space)
  assert part.spec == spec
  value = part.write(given)
  assert value.dtype == written.dtype
  assert type(value) is type(written)
  np.testing.assert_array_equal(value, written)
  assert space.contains(value)


def test_integers_with_unlike_bounds_become_parts():
  part = action(spaces.MultiDiscrete([2, 3], start=[0, 5]))
  assert part.spec == {
    'part_0': bounded((), np.int32, 0, 1),
    'part_1': bounded((), np.int32, 5, 7),
  }
  value = part.write({'part_1': 6, 'part_0': 1})
  assert (value.tolist(), value.dtype) == ([1, 6], np.int64)
  wide = spaces.Box(np.array([[0, 1]]), np.array([[3, 4]]), dtype=np.int16)
  value = action(wide).write({'part_0': 2, 'part_1': 4})
  assert (value.tolist(), value.dtype) == ([[2, 4]], np.int16)


def test_a_nest_of_actions_comes_back_as_it_was():
  space = spaces.Dict(
    {
      'arm': spaces.Dict({'move': unit_box(3)}),
      'pair': spaces.Tuple([spaces.Discrete(2), unit_box()]),
    }
  )
  value = action(space).write(
    {
      'arm': {'move': np.zeros(3, np.float32)},
      'pair': {'part_0': 1, 'part_1': [0.5]},
    }
  )
  assert space.contains(value)
  assert isinstance(value['pair'], tuple)
  assert value['pair'][0] == 1


def test_an_agent_takes_every_action_that_there_is():
  space = spaces.Dict(
    {
      'floats': spaces.Box(np.float32([-1, 0]), np.float32([1, 5])),
      'one': spaces.Discrete(3, start=4),
      'many': spaces.MultiDiscrete([2, 4]),
      'bits': spaces.MultiBinary(2),
    }
  )
  part = action(space)
  codec = action_codec.ActionCodec(tensor_spec.from_spec(part.spec))
  # Two floats; then in order bits (2, 2), many (2, 4) and one (3).
  assert (codec.continuous_size, codec.discrete_sizes) == (2, (2, 2, 2, 4, 3))
  vector = np.zeros(codec.size, np.float32)
  vector[[0, 1]] = 1
  decoded = codec.decode(vector)
  value = part.write(_to_numpy(decoded))
  assert space.contains(value)
  np.testing.assert_array_equal(value['floats'], [1, 5])


def _to_numpy(nest):
  if isinstance(nest, dict):
    return {key: _to_numpy(value) for key, value in nest.items()}
  return nest.numpy()


def test_only_rounding_is_clipped():
  # float32(.1) = 0.100000001 > .1, the bound of the environment.
  space = spaces.Box(-0.1, 0.1, (2,), np.float64)
  part = action(space)
  assert part.spec.maximum.astype(np.float64).min() > 0.1
  value = part.write(np.float32([0.1, -0.1]))
  assert value.tolist() == [0.1, -0.1]
  # An action in float64 may lie one rounding beyond; the next float32 not.
  assert part.write(np.array([0.1 + 1e-10, 0.0])).tolist() == [0.1, 0]
  with pytest.raises(ValueError, match='clip or scale it'):
    part.write(np.nextafter(np.float32([0.1, 0.1]), np.float32(1)))


@pytest.mark.parametrize(
  'space, given, message',
  [
    (
      unit_box(2),
      [2.0, 0],
      r'numbers in \[\[-1. -1.\], \[1. 1.\]\], got \[2. ',
    ),
    (unit_box(2), [0.0], r'shape \(2,\)'),
    (unit_box(), [np.nan], 'got \\[nan\\]'),
    (unit_box(), ['up'], 'be numbers'),
    (spaces.Discrete(3), 3, r'whole numbers in \[0, 2\], got 3'),
    (spaces.Discrete(3), 0.5, 'whole numbers'),
    (spaces.Discrete(3), [1], r'shape \(\)'),
  ],
)
def test_actions_beyond_their_spec_are_refused(space, given, message):
  part = action(spaces.Dict({'go': space}))
  with pytest.raises(ValueError, match=message) as raised:
    part.write({'go': given})
  assert str(raised.value).startswith("action 'go' of E-v0 must have shape ")
  with pytest.raises(ValueError, match='must have the parts go, got '):
    part.write({})


@pytest.mark.parametrize('low, high', [(-_INF, _INF), (0, _INF), (-1e38, 1)])
def test_actions_without_bounds_are_refused_with_a_remedy(low, high):
  space = spaces.Dict({'go': spaces.Box(low, high, (2,))})
  with pytest.raises(
    ValueError, match='TransformAction with a bounded'
  ) as raised:
    action(space)
  assert str(raised.value).startswith("action 'go' of E-v0 must have finite")
