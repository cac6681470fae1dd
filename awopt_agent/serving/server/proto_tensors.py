"""Tensors as protocol buffers, looked at before they become arrays.

`tf.make_ndarray` believes what a message says of its shape, and would fill
gigabytes from a few bytes.
"""

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from awopt_agent.serving import parts as parts_lib
from awopt_agent.serving import signatures as signatures_lib

__all__ = ['decode_inputs', 'encode']

# The fields in which TensorFlow's own servers put values, by NumPy's type.
_FIELDS = {
  'float32': 'float_val',
  'float64': 'double_val',
  'int8': 'int_val',
  'int16': 'int_val',
  'int32': 'int_val',
  'uint8': 'int_val',
  'uint16': 'int_val',
  'int64': 'int64_val',
  'uint32': 'uint32_val',
  'uint64': 'uint64_val',
  'bool': 'bool_val',
}


def decode_inputs(
  tensors: Mapping[str, Any],
  signature: signatures_lib.Signature,
  most_rows: int,
) -> dict[str, np.ndarray]:
  """Makes arrays of messages.

  Args:
    tensors: `TensorProto` by name.
    signature: What they are for.
    most_rows: Of a batch.

  Returns:
    By the names of the inputs, of their types and shapes; `[B, ...]` where the
    signature takes batches.

  Raises:
    ValueError: If an input is missing or unknown, or has another type, shape
      or size; names the input.
  """
  names = {part.name for part in signature.inputs}
  problems = [f'lack {name!r}' for name in sorted(names - set(tensors))]
  problems += [
    f'have an unknown {name[:40]!r}' for name in sorted(set(tensors) - names)
  ]
  if problems:
    raise ValueError(
      'input size does not match signature: the inputs '
      f'{", ".join(problems[:4])}; pass {", ".join(sorted(names))}.'
    )
  return {
    part.name: _decode(part, tensors[part.name], signature.batched, most_rows)
    for part in signature.inputs
  }


def encode(array: np.ndarray) -> Any:
  """Returns an array as a `TensorProto`, as the model server writes it."""
  field = _FIELDS.get(array.dtype.name)
  if field is None:
    return tf.make_tensor_proto(array)
  proto = tensor_pb2.TensorProto(dtype=_type_number(array.dtype.name))
  for size in array.shape:
    proto.tensor_shape.dim.add(size=size)
  getattr(proto, field).extend(array.ravel().tolist())
  return proto


def _decode(
  part: parts_lib.Part, proto: Any, batched: bool, most_rows: int
) -> np.ndarray:
  what = f'input {part.name!r}'
  is_bytes = part.dtype == parts_lib.BYTES
  if proto.dtype != _type_number('string' if is_bytes else part.dtype):
    raise ValueError(
      f'{what} must be {"string" if is_bytes else part.dtype}, got '
      f'{_type_name(proto.dtype)}.'
    )
  shape = [dim.size for dim in proto.tensor_shape.dim]
  _check_shape(part, proto, shape, batched, most_rows)
  count = math.prod(shape)
  if is_bytes:
    values = np.empty(len(proto.string_val), object)
    values[:] = list(proto.string_val)
  else:
    values = _numbers(part, proto, count, what)
  if len(values) == 1:
    values = np.repeat(values, count)
  if len(values) != count:
    raise ValueError(
      f'{what} holds {len(values)} values, but its shape {shape} wants {count}.'
    )
  return values.reshape(shape)


def _check_shape(
  part: parts_lib.Part,
  proto: Any,
  shape: list[int],
  batched: bool,
  most_rows: int,
) -> None:
  own = list(part.shape)
  inner = shape[1:] if batched else shape
  if (
    proto.tensor_shape.unknown_rank
    or inner != own
    or (batched and len(shape) != len(own) + 1)
  ):
    wanted = ', '.join(map(str, ['B', *own] if batched else own))
    raise ValueError(
      f'input {part.name!r} must have shape [{wanted}], got '
      f'{"none" if proto.tensor_shape.unknown_rank else shape[:8]}.'
    )
  if batched and not 1 <= shape[0] <= most_rows:
    raise ValueError(
      f'input {part.name!r} has {shape[0]} rows; send 1 to {most_rows} at once.'
    )


def _numbers(
  part: parts_lib.Part, proto: Any, count: int, what: str
) -> np.ndarray:
  dtype = np.dtype(part.dtype)
  if content := proto.tensor_content:
    if len(content) != count * dtype.itemsize:
      raise ValueError(
        f'{what} has {len(content)} bytes of content, but {count} values of '
        f'{dtype.name} take {count * dtype.itemsize}.'
      )
    if dtype.kind == 'b':  # Any byte could stand there.
      return np.frombuffer(content, np.uint8) != 0
    return np.frombuffer(content, dtype)
  values = getattr(proto, _FIELDS.get(part.dtype, 'half_val'))
  if len(values) not in (1, count):
    raise ValueError(f'{what} holds {len(values)} values; {count} are wanted.')
  if dtype == np.float16:  # Its bits, as whole numbers.
    return np.array(values, np.uint16).view(np.float16)
  types = {'f': np.float64, 'u': np.uint64 if dtype == np.uint64 else np.int64}
  wide = np.array(values, types.get(dtype.kind, np.int64))
  with np.errstate(over='ignore'):
    array = wide.astype(dtype)
  if dtype.kind in 'iu' and not np.array_equal(array, wide):
    raise ValueError(f'{what} holds values that are no {dtype.name}.')
  return array


@functools.cache
def _type_number(name: str) -> int:
  return tf.as_dtype(name).as_datatype_enum


def _type_name(number: int) -> str:
  try:
    return tf.as_dtype(number).name
  except TypeError:
    return f'type {number}'
