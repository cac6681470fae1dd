"""Whether values fit the parts of a signature: the robot's first guard."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from awopt_agent.serving import parts as parts_lib

__all__ = ['check', 'check_batch', 'check_one']

# Beyond a bound, relative to it where it is above 1: rounding, not an error.
_SLACK = 1e-5


def check(
  parts: Sequence[parts_lib.Part], values: Mapping[str, Any], what: str
) -> tuple[dict[str, np.ndarray], bool]:
  """Checks the values of one observation, or of a batch of them.

  Args:
    parts: Their specs.
    values: By name, each of its part's shape, or `[B, ...]`.
    what: What they are, for messages.

  Returns:
    Arrays `[B, ...]` by name, and whether there was a batch dimension.

  Raises:
    ValueError: If a type or shape is wrong, a value is not finite or outside
      its part's bounds, or the batch sizes differ. The message names the part.
  """
  arrays = {
    part.name: _checked(part, values[part.name], f'{what} {part.name!r}')
    for part in parts
  }
  outer = {part.name: _outer_shape(part, arrays[part.name]) for part in parts}
  if len(set(outer.values())) > 1:
    found = ', '.join(f'{name} {list(size)}' for name, size in outer.items())
    raise ValueError(
      f'the parts of the {what} differ in their batch dimensions ({found}); '
      'pass one, or a batch, of each.'
    )
  batched = outer[parts[0].name] != ()
  if not batched:
    arrays = {name: array[np.newaxis] for name, array in arrays.items()}
  return arrays, batched


def check_batch(
  parts: Sequence[parts_lib.Part], values: Mapping[str, Any], what: str
) -> dict[str, np.ndarray]:
  """Checks the values of a batch; the same, where one alone is refused.

  Args:
    parts: Their specs.
    values: By name, each `[B, ...]` of its part's shape.
    what: What they are, for messages.

  Returns:
    Arrays `[B, ...]` by name.

  Raises:
    ValueError: As `check`, or where there is no batch dimension.
  """
  arrays, batched = check(parts, values, what)
  if not batched:
    shape = list(parts[0].shape)
    wanted = ', '.join(map(str, ['B', *shape]))
    raise ValueError(
      f'{what} {parts[0].name!r} must have shape [{wanted}], got {shape}; pass '
      'np.asarray(value)[np.newaxis].'
    )
  return arrays


def check_one(
  parts: Sequence[parts_lib.Part], values: Mapping[str, Any], what: str
) -> dict[str, np.ndarray]:
  """Checks values without a batch dimension; a batch is refused.

  Args:
    parts: Their specs.
    values: By name, each of its part's shape.
    what: What they are, for messages.

  Returns:
    Arrays by name.

  Raises:
    ValueError: As `check`, or where there is a batch dimension.
  """
  arrays, batched = check(parts, values, what)
  if batched:
    name, array = next(iter(arrays.items()))
    raise ValueError(
      f'{what} {name!r} must have shape {list(parts[0].shape)}, got '
      f'{list(array.shape)}.'
    )
  return {name: array[0] for name, array in arrays.items()}


def _outer_shape(part: parts_lib.Part, array: np.ndarray) -> tuple[int, ...]:
  return array.shape[: array.ndim - len(part.shape)]


def _checked(part: parts_lib.Part, value: Any, name: str) -> np.ndarray:
  array = _checked_type(part, value, name)
  shape = list(part.shape)
  if list(array.shape) != shape and list(array.shape[1:]) != shape:
    raise ValueError(
      f'{name} must have shape {shape}, or [B, ...] of it, got '
      f'{list(array.shape)}.'
    )
  if array.size == 0 and 0 not in part.shape:
    raise ValueError(f'{name} is an empty batch; pass at least one row.')
  if array.dtype.kind == 'f' and not np.isfinite(array).all():
    raise ValueError(
      f'{name} holds NaN or infinity; check the sensor it comes from.'
    )
  _check_range(part, array, name)
  return array


def _checked_type(part: parts_lib.Part, value: Any, name: str) -> np.ndarray:
  if part.dtype == parts_lib.BYTES:
    return _checked_bytes(value, name)
  try:
    array = np.asarray(value)
  except ValueError:  # A ragged list.
    array = np.asarray(None)
  if array.dtype != np.dtype(part.dtype):
    raise ValueError(
      f'{name} must be {part.dtype}, got {array.dtype}; pass '
      f'np.asarray(value, np.{part.dtype}).'
    )
  return array


def _checked_bytes(value: Any, name: str) -> np.ndarray:
  try:
    # Not as NumPy's strings, which lose zeros at their end.
    array = np.asarray(value, object)
  except ValueError:
    array = np.asarray(None)
  for element in array.flat:
    if not isinstance(element, bytes):
      raise ValueError(
        f'{name} must be bytes, got {type(element).__name__}; pass the '
        'content of a JPEG or PNG file.'
      )
  return array


def _check_range(part: parts_lib.Part, array: np.ndarray, name: str) -> None:
  for bound, sign in ((part.minimum, 1), (part.maximum, -1)):
    if bound is None or _is_within(array, bound, sign):
      continue
    # In floats: unsigned numbers have no negative differences.
    limit = np.asarray(bound, np.float64)
    slack = _SLACK * np.maximum(1, np.abs(limit))
    if array.dtype.kind != 'f':
      slack = 0.0
    outside = sign * (limit - array.astype(np.float64)) > slack
    if np.any(outside):
      where = tuple(np.argwhere(outside)[0])
      at = f' at {[int(index) for index in where]}' if where else ''
      raise ValueError(
        f'{name} = {array[where]!s}{at} is {"below" if sign > 0 else "above"} '
        f'its bound {np.broadcast_to(bound, array.shape)[where]!s}; check its '
        'units, and the sensor it comes from.'
      )


def _is_within(array: np.ndarray, bound: np.ndarray, sign: int) -> bool:
  """Tells whether a quick look shows that nothing is beyond a bound."""
  if array.dtype.kind == 'f':
    return bool((array >= bound if sign > 0 else array <= bound).all())
  if array.dtype.kind not in 'iu':
    return True
  # As in pictures, where no number of the type is beyond it.
  limits = np.iinfo(array.dtype)
  return bool(
    np.max(bound) <= limits.min if sign > 0 else np.min(bound) >= limits.max
  )
