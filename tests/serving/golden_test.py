import re

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from awopt_agent.serving import golden, parts


def _part(dtype, low, high, shape=(3,)):
  bounded = low is not None
  spec = (
    tensor_spec.BoundedTensorSpec(shape, dtype, low, high)
    if bounded
    else tf.TensorSpec(shape, dtype)
  )
  return parts.from_spec(spec, 'x')


@pytest.mark.parametrize(
  ('dtype', 'low', 'high', 'expected'),
  [
    (tf.float32, -0.5, 0.25, (-0.5, 0.25)),
    (tf.float32, None, None, (-1, 1)),
    (tf.float32, 5.0, np.inf, (5, 7)),
    (tf.float32, -3.4e38, 4.0, (2, 4)),
    (tf.int32, 2, 4, (2, 4)),
    (tf.uint8, None, None, (0, 255)),
    (tf.bool, None, None, (0, 1)),
  ],
)
def test_samples_fill_the_bounds(dtype, low, high, expected):
  values = golden.sample(_part(dtype, low, high), 1000, seed=0)['x']
  assert values.dtype == dtype.as_numpy_dtype and values.shape == (1000, 3)
  slack = 0.05 * (expected[1] - expected[0])
  assert expected[0] <= values.min() <= expected[0] + slack
  assert expected[1] - slack <= values.max() <= expected[1]


def test_samples_depend_on_the_seed_alone():
  part = _part(tf.float32, -1, 1)
  one, two, other = (golden.sample(part, 5, seed=s)['x'] for s in (0, 0, 1))
  np.testing.assert_array_equal(one, two)
  assert not np.allclose(one, other)


def _step_function(values):
  """Jumps at .5, as a search does where two scores are nearly equal."""
  return {'y': (values['x'] >= 0.5).astype(np.float32)}


def test_keeps_the_rows_whose_answers_rounding_does_not_flip():
  # Row 1 lies one rounding error below the jump.
  inputs = {'x': np.array([0.1, 0.5 - 1e-7, 0.9, 0.3], np.float32)}
  pairs = golden.make({'step': _step_function}, {'step': inputs}, count=3)
  np.testing.assert_allclose(pairs['step'].inputs['x'], [0.1, 0.9, 0.3])
  np.testing.assert_array_equal(pairs['step'].outputs['y'], [0, 1, 0])


def test_each_signature_is_asked_its_own_inputs():
  inputs = {'x': np.float32([0.1, 0.7]), 'z': np.float32([0.1, 0.7])}
  pairs = golden.make(
    {'one': _step_function, 'two': lambda v: {'y': 2 * v['z']}},
    {'one': {'x': inputs['x']}, 'two': inputs},
    count=2,
  )
  assert list(pairs['one'].inputs) == ['x']
  assert list(pairs['two'].inputs) == ['x', 'z']
  np.testing.assert_array_equal(pairs['one'].outputs['y'], [0, 1])
  np.testing.assert_allclose(pairs['two'].outputs['y'], [0.2, 1.4])


def test_all_signatures_keep_the_same_rows():
  # 'step' jumps beside row 1, 'late' beside row 3.
  inputs = {'x': np.array([0.1, 0.5 - 1e-7, 0.9, 0.7 - 1e-7], np.float32)}
  late = lambda values: {'y': (values['x'] >= 0.7).astype(np.float32)}  # noqa: E731
  pairs = golden.make(
    {'step': _step_function, 'late': late},
    {'step': inputs, 'late': inputs},
    count=2,
  )
  for pair in pairs.values():
    np.testing.assert_allclose(pair.inputs['x'], [0.1, 0.9])


def test_rows_that_rounding_flips_are_left_out_of_few():
  inputs = {'x': np.array([0.1, 0.5 - 1e-7, 0.9], np.float32)}
  unsteady = {'x': inputs['x'][1:2]}
  pairs = golden.make_steady(
    {'step': _step_function, 'none': _step_function},
    {'step': inputs, 'none': unsteady},
  )
  assert list(pairs) == ['step']
  np.testing.assert_allclose(pairs['step'].inputs['x'], [0.1, 0.9])
  np.testing.assert_array_equal(pairs['step'].outputs['y'], [0, 1])


def test_refuses_answers_that_are_not_finite():
  with pytest.raises(ValueError, match="signature 'log' gives .*not finite"):
    golden.make(
      {'log': lambda v: {'y': v['x'] * np.nan}},
      {'log': {'x': np.zeros(2, np.float32)}},
      count=1,
    )


def test_what_was_written_is_read(tmp_path):
  path = str(tmp_path / 'golden.npz')
  pair = golden.Golden({'x': np.float32([1])}, {'y': np.int32([2])})
  golden.write(path, {'actor': pair, 'cem': pair})
  read = golden.read(path)
  assert sorted(read) == ['actor', 'cem']
  assert read['cem'].inputs['x'].dtype == np.float32
  np.testing.assert_array_equal(read['cem'].outputs['y'], [2])


def test_inputs_that_signatures_share_are_written_once(tmp_path):
  path = str(tmp_path / 'golden.npz')
  noise = np.random.default_rng(0).integers(0, 256, 10_000, np.uint8)
  one = golden.Golden({'takes': noise, 'z': np.float32([1])}, {'y': noise[:1]})
  files = golden.Golden({'takes': np.array([b'P', b'PN'])}, {'y': noise[:1]})
  golden.write(path, {'a': one, 'a_encoded': files, 'b': one})
  assert (tmp_path / 'golden.npz').stat().st_size < 15_000
  read = golden.read(path)
  for name, pair in (('a', one), ('a_encoded', files), ('b', one)):
    for found, expected in zip(read[name], pair, strict=True):
      assert list(found) == list(expected)
      for key, value in expected.items():
        assert found[key].dtype == value.dtype
        np.testing.assert_array_equal(found[key], value)


@pytest.mark.parametrize(
  ('answer', 'expected'),
  [
    ({'y': [10.0, 0.0]}, None),
    # 1e-5 of 10 is 1e-4; of values up to 1 it is 1e-5.
    ({'y': [10.00009, 0.000009]}, None),
    (
      {'y': [10.0003, 0.0]},
      "'y' = 10.0003 instead of 10.0 to golden input 0",
    ),
    ({'y': [10.0, 0.00003]}, 'instead of 0.0 to golden input 1'),
    ({'y': [10.0, np.nan]}, "answers 'y' = nan instead of 0.0"),
    ({'y': [10.0]}, r"answers 'y' as float32\[1\] instead of float32\[2\]"),
    ({'z': [10.0, 0.0]}, r"answers \['z'\] instead of \['y'\]"),
  ],
)
def test_difference_says_what_and_where(answer, expected):
  pair = golden.Golden({'x': np.zeros(2)}, {'y': np.float32([10, 0])})
  answer = {name: np.float32(value) for name, value in answer.items()}
  problem = golden.difference(pair, lambda _: answer)
  if expected is None:
    assert problem is None
  else:
    assert re.search(expected, problem)


def test_discrete_answers_must_be_equal():
  pair = golden.Golden({}, {'y': np.int32([100_000])})
  problem = golden.difference(pair, lambda _: {'y': np.int32([100_001])})
  assert "answers 'y' = 100001 instead of 100000" in problem
