import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from awopt_agent.serving import checks, parts
from tests.serving import fakes


def _bounded(dtype, low, high, shape=(2,)):
  spec = tensor_spec.BoundedTensorSpec(shape, dtype, low, high)
  return parts.from_spec(spec, 'x')


def test_tells_one_from_a_batch():
  (part,) = parts.from_spec(fakes.BARE_OBSERVATION, 'observation')
  one, batched = checks.check(
    [part], {'observation': np.zeros(4, np.float32)}, 'observation'
  )
  assert not batched and one['observation'].shape == (1, 4)
  _, batched = checks.check(
    [part], {'observation': np.zeros([4, 4], np.float32)}, 'observation'
  )
  assert batched


def test_a_batch_is_a_batch():
  found = parts.from_spec(fakes.BARE_OBSERVATION, 'x')
  rows = np.zeros([2, 4], np.float32)
  assert checks.check_batch(found, {'x': rows}, 'input')['x'] is rows
  message = r"input 'x' must have shape \[B, 4\], got \[4\]; pass .*newaxis"
  with pytest.raises(ValueError, match=message):
    checks.check_batch(found, {'x': rows[0]}, 'input')


@pytest.mark.parametrize(
  ('value', 'message'),
  [
    (np.zeros([0, 4], np.float32), 'is an empty batch; pass at least'),
    (
      np.zeros([2, 3, 4], np.float32),
      r'must have shape \[4\], .*got \[2, 3, 4\]',
    ),
    ([[1.0, 2.0], [3.0]], 'must be float32, got object'),
    (None, 'must be float32, got object'),
  ],
)
def test_refuses(value, message):
  found = parts.from_spec(fakes.BARE_OBSERVATION, 'observation')
  with pytest.raises(ValueError, match=f"input 'observation' {message}"):
    checks.check(found, {'observation': value}, 'input')


@pytest.mark.parametrize(
  ('part', 'value', 'message'),
  [
    (
      _bounded(tf.float32, -1.0, [1.0, 2.0]),
      np.float32([[0.5, 1.5], [1.5, 0.5]]),
      r"'x' = 1\.5 at \[1, 0\] is above its bound 1\.0; check its units",
    ),
    (
      _bounded(tf.float32, -1.0, 1.0),
      np.float32([0.5, -1.001]),
      r"'x' = -1\.001 at \[1\] is below its bound -1\.0",
    ),
    (
      _bounded(tf.int32, 0, 2, ()),
      np.int32(3),
      "'x' = 3 is above its bound 2;",
    ),
    (
      _bounded(tf.uint8, 2, 255),
      np.uint8([1, 2]),
      r"'x' = 1 at \[0\] is below",
    ),
    (_bounded(tf.int64, 0, 2**40), np.int64([0, 2**40 + 1]), 'is above'),
  ],
)
def test_refuses_what_is_out_of_its_bounds(part, value, message):
  with pytest.raises(ValueError, match=message) as error:
    checks.check(part, {'x': value}, 'input')
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(
  ('part', 'value'),
  [
    # Rounding, in units of bounds above 1 relative to them: 1e-5 and 1e-3.
    (_bounded(tf.float32, -1.0, 100.0), np.float32([-1.000009, 100.0009])),
    (_bounded(tf.float32, -np.inf, 1.0), np.float32([-1e30, 1.0])),
    (_bounded(tf.float32, -3.4e38, 3.4e38), np.float32([-3e38, 3e38])),
    (_bounded(tf.uint8, 0, 255), np.uint8([0, 255])),
    (parts.from_spec(tf.TensorSpec([2], tf.float32), 'x'), np.float32([9, 9])),
    (
      parts.from_spec(tf.TensorSpec([2], tf.bool), 'x'),
      np.array([True, False]),
    ),
  ],
)
def test_takes_what_is_inside(part, value):
  arrays, _ = checks.check(part, {'x': value}, 'input')
  np.testing.assert_array_equal(arrays['x'], value[np.newaxis])


def test_bytes_keep_their_last_zeros():
  part = parts.Part('x', ('x',), (), parts.BYTES)
  arrays, batched = checks.check([part], {'x': [b'a\0', b'']}, 'input')
  assert batched and arrays['x'].tolist() == [b'a\0', b'']
  one, batched = checks.check([part], {'x': b'b'}, 'input')
  assert not batched and one['x'].tolist() == [b'b']


@pytest.mark.parametrize(
  ('value', 'kind'),
  [
    ('text', 'str'),
    ([b'a', 3], 'int'),
    (np.zeros([1, 2]), 'float'),
    (None, 'N'),
  ],
)
def test_refuses_what_is_no_bytes(value, kind):
  part = parts.Part('x', ('x',), (), parts.BYTES)
  with pytest.raises(ValueError, match=f"'x' must be bytes, got {kind}"):
    checks.check([part], {'x': value}, 'input')
