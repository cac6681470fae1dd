import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from awopt_agent.serving import parts as parts_lib
from awopt_agent.serving import signatures
from awopt_agent.serving.server import proto_tensors


def one(shape, dtype, **kwargs):
  part = parts_lib.Part('x', ('x',), shape, dtype)
  return signatures.Signature((part,), (), **kwargs)


def decode(proto, signature, most_rows=4):
  found = proto_tensors.decode_inputs({'x': proto}, signature, most_rows)
  return found['x']


ARRAYS = [
  np.float32([[0.1, -3e-5], [1, 2]]),
  np.float64([[0.1, 1e300], [1, 2]]),
  np.float16([[0.5, -2], [1, 2]]),
  np.uint8([[0, 255], [1, 2]]),
  np.int8([[-128, 127], [1, 2]]),
  np.int32([[-(2**31), 2**31 - 1], [1, 2]]),
  np.int64([[-(2**63), 2**63 - 1], [1, 2]]),
  np.uint64([[0, 2**64 - 1], [1, 2]]),
  np.array([[True, False], [False, True]]),
]


@pytest.mark.parametrize('array', ARRAYS, ids=lambda array: array.dtype.name)
def test_takes_content_and_values(array):
  signature = one((2,), array.dtype.name)
  by_content = tensor_pb2.TensorProto(
    dtype=tf.as_dtype(array.dtype).as_datatype_enum,
    tensor_content=array.tobytes(),
  )
  for size in array.shape:
    by_content.tensor_shape.dim.add(size=size)
  by_value = proto_tensors.encode(array)
  for proto in (by_content, by_value):
    found = decode(proto, signature)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)
    np.testing.assert_array_equal(tf.make_ndarray(proto), array)


def test_answers_in_the_fields_of_the_model_server():
  # A client may read them without TensorFlow.
  proto = proto_tensors.encode(np.float32([[1, 2], [3, 4]]))
  assert list(proto.float_val) == [1, 2, 3, 4] and not proto.tensor_content
  assert list(proto_tensors.encode(np.int32([7])).int_val) == [7]


def test_one_value_may_stand_for_all():
  proto = tensor_pb2.TensorProto(dtype=tf.float32.as_datatype_enum)
  proto.tensor_shape.dim.add(size=3)
  proto.tensor_shape.dim.add(size=2)
  proto.float_val.append(0.5)
  assert decode(proto, one((2,), 'float32')).tolist() == [[0.5, 0.5]] * 3


def test_bytes_keep_their_zeros():
  proto = tf.make_tensor_proto([b'a\x00', b''], tf.string)
  found = decode(proto, one((), parts_lib.BYTES))
  assert found.tolist() == [b'a\x00', b'']


def test_a_signature_without_a_batch_takes_a_scalar():
  proto = tf.make_tensor_proto(np.int32(3))
  found = decode(proto, one((), 'int32', batched=False))
  assert (found.shape, int(found)) == ((), 3)


def proto_of(array, **changes):
  proto = tf.make_tensor_proto(np.asarray(array))
  for name, value in changes.items():
    setattr(proto, name, value)
  return proto


def claim(*shape, values=(1.0,)):
  proto = tensor_pb2.TensorProto(dtype=tf.float32.as_datatype_enum)
  for size in shape:
    proto.tensor_shape.dim.add(size=size)
  proto.float_val.extend(values)
  return proto


def unknown():
  proto = claim()
  proto.tensor_shape.unknown_rank = True
  return proto


X2 = one((2,), 'float32')


@pytest.mark.parametrize(
  ('proto', 'signature', 'message'),
  [
    (proto_of([[1.0, 2.0]]), X2, "'x' must be float32, got float64"),
    (proto_of(np.float32([1, 2])), X2, r'must have shape \[B, 2\], got \[2\]'),
    (proto_of(np.float32([[1, 2, 3]])), X2, r'got \[1, 3\]'),
    (unknown(), X2, 'got none'),
    (claim(10**9, 2), X2, 'has 1000000000 rows; send 1 to 4'),
    (claim(-1, 2), X2, 'has -1 rows'),
    (claim(0, 2, values=()), X2, 'has 0 rows'),
    (claim(2, 2, values=(1, 2, 3)), X2, 'holds 3 values; 4 are wanted'),
    (claim(2, 2, values=()), X2, 'holds 0 values'),
    (
      proto_of(np.float32([[1, 2]]), tensor_content=b'1234567'),
      X2,
      'has 7 bytes of content, but 2 values of float32 take 8',
    ),
    (proto_of([[1.0]], dtype=77), X2, 'got type 77'),
    (proto_of([['a', 'b']]), X2, 'got string'),
    (tf.make_tensor_proto(np.int32([3])), one((), 'int32', batched=False), '3'),
  ],
)
def test_refuses_and_names_the_input(proto, signature, message):
  if not signature.batched:
    message = r"'x' must have shape \[\], got \[1\]"
  with pytest.raises(ValueError, match=message):
    decode(proto, signature)


def test_refuses_values_that_are_none_of_the_type():
  proto = proto_tensors.encode(np.int32([[300, 1]]))
  proto.dtype = tf.uint8.as_datatype_enum
  with pytest.raises(ValueError, match='holds values that are no uint8'):
    decode(proto, one((2,), 'uint8'))


def test_refuses_too_few_strings():
  proto = tf.make_tensor_proto([b'a', b'b', b'c'], tf.string)
  del proto.string_val[2:]
  with pytest.raises(ValueError, match='holds 2 values, but its shape'):
    decode(proto, one((), parts_lib.BYTES))


def test_says_which_inputs_are_missing_and_which_unknown():
  with pytest.raises(ValueError, match="lack 'x', have an unknown 'y'; pass x"):
    proto_tensors.decode_inputs({'y': claim(1, 2)}, X2, 4)
