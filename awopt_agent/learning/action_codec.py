"""Actions as one vector: the only place that knows an action spec's nest."""

from typing import Any

import numpy as np
import tensorflow as tf

__all__ = ['ActionCodec']

# A wider integer is one without bounds, or a number that belongs in a float.
_MAX_VALUES = 1024


class ActionCodec:
  """Turns a nest of bounded actions into one vector `[..., A]` and back.

  Continuous parts come first, scaled to [-1, 1]; each element of a discrete
  part follows as a one-hot group. Within both kinds the order is that of
  `tf.nest.flatten`.

  Attributes:
    size: A, length of the vector.
    continuous_size: Number of leading continuous entries.
    discrete_sizes: Length of each one-hot group.
  """

  def __init__(self, action_spec: Any):
    """Reads the spec.

    Args:
      action_spec: Nest of `BoundedTensorSpec`: floats with finite bounds, and
        integers with scalar bounds.

    Raises:
      ValueError: If a part is unbounded or of another type.
    """
    self._spec = action_spec
    self._parts = tf.nest.flatten(action_spec)
    for part in self._parts:
      _check_bounded(part)
    self._continuous = [p for p in self._parts if p.dtype.is_floating]
    self._discrete = [p for p in self._parts if not p.dtype.is_floating]
    self._bounds = [
      (
        np.broadcast_to(p.minimum, p.shape).reshape(-1),
        np.broadcast_to(p.maximum, p.shape).reshape(-1),
      )
      for p in self._continuous
    ]
    self.continuous_size = sum(p.shape.num_elements() for p in self._continuous)
    self.discrete_sizes = tuple(
      int(np.max(p.maximum)) - int(np.min(p.minimum)) + 1
      for p in self._discrete
      for _ in range(p.shape.num_elements())
    )
    self.size = self.continuous_size + sum(self.discrete_sizes)

  def encode(self, action: Any) -> tf.Tensor:
    """Returns the vectors `[..., A]`, float32, of a nest of actions."""
    tf.nest.assert_same_structure(self._spec, action)
    flat = tf.nest.flatten(action)
    columns = []
    pairs = list(zip(flat, self._parts, strict=True))
    values = [v for v, p in pairs if p.dtype.is_floating]
    for value, part, (low, high) in zip(
      values, self._continuous, self._bounds, strict=True
    ):
      vector = tf.cast(_flatten_part(value, part), tf.float32)
      columns.append(2.0 * (vector - low) / (high - low) - 1.0)
    values = [v for v, p in pairs if not p.dtype.is_floating]
    for value, part in zip(values, self._discrete, strict=True):
      low = int(np.min(part.minimum))
      indices = _flatten_part(value, part) - low
      count = int(np.max(part.maximum)) - low + 1
      columns.extend(
        tf.one_hot(index, count) for index in tf.unstack(indices, axis=-1)
      )
    return tf.concat(columns, axis=-1)

  def decode(self, vector: tf.Tensor) -> Any:
    """Returns the nest of actions of vectors `[..., A]`.

    Continuous entries are clipped to the bounds; the greatest entry of a
    one-hot group wins.
    """
    outer = tf.shape(vector)[:-1]
    continuous, *groups = self.split(vector)
    continuous = tf.clip_by_value(continuous, -1.0, 1.0)
    floats, integers, start = [], [], 0
    for part, (low, high) in zip(self._continuous, self._bounds, strict=True):
      width = part.shape.num_elements()
      unit = (continuous[..., start : start + width] + 1.0) / 2.0
      value = tf.clip_by_value(low + unit * (high - low), low, high)
      floats.append(tf.cast(_unflatten_part(value, part, outer), part.dtype))
      start += width
    start = 0
    for part in self._discrete:
      count = part.shape.num_elements()
      indices = tf.stack(
        [tf.argmax(g, axis=-1) for g in groups[start : start + count]], axis=-1
      )
      value = tf.cast(indices, part.dtype) + int(np.min(part.minimum))
      integers.append(_unflatten_part(value, part, outer))
      start += count
    in_turn = {True: iter(floats), False: iter(integers)}
    return tf.nest.pack_sequence_as(
      self._spec, [next(in_turn[p.dtype.is_floating]) for p in self._parts]
    )

  def split(self, vector: tf.Tensor) -> list[tf.Tensor]:
    """Splits `[..., A]` into the continuous entries and each one-hot group."""
    return tf.split(vector, [self.continuous_size, *self.discrete_sizes], -1)


def _check_bounded(part) -> None:
  has_bounds = hasattr(part, 'minimum')
  if not has_bounds or not (
    np.all(np.isfinite(part.minimum))
    and np.all(np.isfinite(part.maximum))
    # The ends of float32 stand for "unbounded" in a BoundedTensorSpec.
    and np.all(np.abs(np.asarray(part.minimum, np.float64)) < 1e30)
    and np.all(np.abs(np.asarray(part.maximum, np.float64)) < 1e30)
    and np.all(np.asarray(part.minimum) < np.asarray(part.maximum))
  ):
    raise ValueError(
      f'action {part.name!r} must have finite bounds, got {part}; give it a '
      'BoundedTensorSpec with minimum < maximum.'
    )
  if not (part.dtype.is_floating or part.dtype.is_integer):
    raise ValueError(
      f'action {part.name!r} must be float or integer, got {part.dtype}.'
    )
  if part.dtype.is_integer and (
    np.min(part.minimum) != np.max(part.minimum)
    or np.min(part.maximum) != np.max(part.maximum)
  ):
    raise ValueError(
      f'discrete action {part.name!r} must have the same bounds for all its '
      f'elements, got {part}; split it into several parts.'
    )
  if part.dtype.is_integer:
    values = int(np.max(part.maximum)) - int(np.min(part.minimum)) + 1
    if values > _MAX_VALUES:
      raise ValueError(
        f'discrete action {part.name!r} must have at most {_MAX_VALUES} '
        f'values, one entry each, got {values}; narrow its bounds or make it '
        'a float.'
      )


def _flatten_part(value, part) -> tf.Tensor:
  value = tf.convert_to_tensor(value)
  rank = part.shape.rank
  outer = tf.shape(value)[: value.shape.rank - rank]
  return tf.reshape(value, tf.concat([outer, [part.shape.num_elements()]], 0))


def _unflatten_part(value, part, outer) -> tf.Tensor:
  return tf.reshape(value, tf.concat([outer, part.shape.as_list()], 0))
