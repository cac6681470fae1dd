"""Golden pairs: what each signature answered when it was exported."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from awopt_agent.serving import parts as parts_lib

__all__ = [
  'Golden',
  'difference',
  'make',
  'make_steady',
  'read',
  'sample',
  'write',
]

Arrays = Mapping[str, np.ndarray]

# Absolute, and relative to values above 1; discrete parts must be equal.
TOLERANCE = 1e-5
# A search that flips moves an action by more than this, rounding by less.
_STEADY = 1e-3
# Specs of greater bounds than this mean no bounds.
_UNBOUNDED = 1e6


class Golden(NamedTuple):
  """Inputs and outputs of one signature, `[K, ...]` by name."""

  inputs: Arrays
  outputs: Arrays


def sample(
  parts: Sequence[parts_lib.Part], count: int, seed: int
) -> dict[str, np.ndarray]:
  """Draws inputs `[count, ...]` by name, uniformly inside their bounds.

  Where a part has no bound, draws from an interval of length 2.
  """
  rng = np.random.default_rng(seed)
  return {part.name: _sample_part(part, count, rng) for part in parts}


def make(
  functions: Mapping[str, Callable[[Arrays], Arrays]],
  inputs: Mapping[str, Arrays],
  count: int,
) -> dict[str, Golden]:
  """Asks each function for its answers.

  A search may flip between two actions of nearly equal score by a rounding
  error, and another processor rounds differently. So the rows are kept for
  which no function's answers change much when the inputs change in the last
  digits.

  Args:
    functions: By signature, from inputs to outputs `[K, ...]` by name.
    inputs: By signature, candidates `[K, ...]` by name; the same K for all.
    count: Rows to keep, at most; the same for all.

  Returns:
    Golden pairs by signature.

  Raises:
    ValueError: If an answer is not finite.
  """
  outputs, moved = {}, []
  for name, call in functions.items():
    outputs[name], distance = _ask(name, call, inputs[name])
    moved.append(distance)
  rows = np.sort(np.argsort(np.max(moved, axis=0), kind='stable')[:count])
  return {
    name: Golden(_take(inputs[name], rows), _take(outputs[name], rows))
    for name in functions
  }


def make_steady(
  functions: Mapping[str, Callable[[Arrays], Arrays]],
  inputs: Mapping[str, Arrays],
) -> dict[str, Golden]:
  """Asks each function for its answers to few inputs.

  Args:
    functions: As of `make`.
    inputs: As of `make`.

  Returns:
    Golden pairs by signature, without the rows that change when the inputs
    change in the last digits.

  Raises:
    ValueError: If an answer is not finite.
  """
  pairs = {}
  for name, call in functions.items():
    outputs, moved = _ask(name, call, inputs[name])
    rows = np.flatnonzero(moved < _STEADY)
    pairs[name] = Golden(_take(inputs[name], rows), _take(outputs, rows))
  return {name: pair for name, pair in pairs.items() if _rows(pair)}


def difference(golden: Golden, call: Callable[[Arrays], Arrays]) -> str | None:
  """Says where a function answers otherwise; None if it does not."""
  outputs = call(golden.inputs)
  if set(outputs) != set(golden.outputs):
    return f'answers {sorted(outputs)} instead of {sorted(golden.outputs)}'
  for name, expected in golden.outputs.items():
    value = np.asarray(outputs[name])
    if value.shape != expected.shape or value.dtype != expected.dtype:
      return (
        f'answers {name!r} as {value.dtype}{list(value.shape)} instead of '
        f'{expected.dtype}{list(expected.shape)}'
      )
    tolerance = TOLERANCE if value.dtype.kind == 'f' else 0
    close = np.isclose(value, expected, rtol=tolerance, atol=tolerance)
    if not np.all(close):
      where = tuple(np.argwhere(~close)[0])
      return (
        f'answers {name!r} = {value[where]!s} instead of '
        f'{expected[where]!s} to '
        f'golden input {where[0]}'
      )
  return None


def write(path: str, pairs: Mapping[str, Golden]) -> None:
  """Writes pairs by signature as an npz file; equal pairs, equal bytes.

  Signatures share inputs, and pictures are large: the first inputs of a name
  are written once, under that name.
  """
  arrays: dict[str, np.ndarray] = {}
  for signature, golden in pairs.items():
    arrays[f'takes/{signature}'] = np.array([*golden.inputs], str)
    for name, value in golden.inputs.items():
      shared = arrays.setdefault(f'inputs/{name}', value)
      if shared.dtype != value.dtype or not np.array_equal(shared, value):
        arrays[f'inputs/{name}/{signature}'] = value
    for name, value in golden.outputs.items():
      arrays[f'outputs/{signature}/{name}'] = value
  np.savez_compressed(path, **arrays)


def read(path: str) -> dict[str, Golden]:
  """Returns what `write` wrote."""
  with np.load(path, allow_pickle=False) as file:
    arrays = {key: file[key] for key in file.files}
  return {
    key.removeprefix('takes/'): _read_one(arrays, key.removeprefix('takes/'))
    for key in arrays
    if key.startswith('takes/')
  }


def _read_one(arrays: Arrays, signature: str) -> Golden:
  own, shared = 'inputs/{}/' + signature, 'inputs/{}'
  prefix = f'outputs/{signature}/'
  return Golden(
    inputs={
      str(name): arrays[
        (own if own.format(name) in arrays else shared).format(name)
      ]
      for name in arrays[f'takes/{signature}']
    },
    outputs={
      key.removeprefix(prefix): value
      for key, value in arrays.items()
      if key.startswith(prefix)
    },
  )


def _ask(
  name: str, call: Callable[[Arrays], Arrays], inputs: Arrays
) -> tuple[Arrays, np.ndarray]:
  """Returns a function's answers, and how far a nudge moves each row's."""
  outputs = call(inputs)
  if not all(np.all(np.isfinite(value)) for value in outputs.values()):
    raise ValueError(
      f'signature {name!r} gives answers that are not finite; export an '
      'earlier checkpoint, whose weights are.'
    )
  nudged = {part: _nudge(value) for part, value in inputs.items()}
  return outputs, _distance(outputs, call(nudged))


def _sample_part(part: parts_lib.Part, count: int, rng) -> np.ndarray:
  dtype = np.dtype(part.dtype)
  if dtype.kind == 'b':
    return rng.integers(0, 2, (count, *part.shape)).astype(bool)
  low, high = _bounds(part, dtype)
  if dtype.kind == 'f':
    values = rng.uniform(low, high, (count, *part.shape)).astype(dtype)
    # Rounding to the type may leave the bounds by a digit.
    return np.clip(values, low.astype(dtype), high.astype(dtype))
  values = rng.integers(
    low.astype(np.int64), high.astype(np.int64) + 1, (count, *part.shape)
  )
  return values.astype(dtype)


def _bounds(part: parts_lib.Part, dtype) -> tuple[np.ndarray, np.ndarray]:
  """Returns bounds of the part's shape; those of images are of their type."""
  of_type = (0, 255) if dtype == np.uint8 else (-np.inf, np.inf)
  given = [
    default if bound is None else np.asarray(bound, np.float64)
    for bound, default in zip(
      (part.minimum, part.maximum), of_type, strict=True
    )
  ]
  low, high = (np.broadcast_to(bound, part.shape) for bound in given)
  has_low, has_high = np.abs(low) < _UNBOUNDED, np.abs(high) < _UNBOUNDED
  finite_low = np.where(has_low, low, np.where(has_high, high - 2, -1.0))
  return finite_low, np.where(has_high, high, finite_low + 2)


def _nudge(values: np.ndarray) -> np.ndarray:
  if values.dtype.kind != 'f':
    return values
  return (values * (1 + 1e-6)).astype(values.dtype)


def _distance(left: Arrays, right: Arrays) -> np.ndarray:
  """Returns the greatest difference in each row `[K]`."""
  rows = len(next(iter(left.values())))
  return np.max(
    [
      np.abs(
        np.asarray(left[name], np.float64) - np.asarray(right[name], np.float64)
      )
      .reshape(rows, -1)
      .max(axis=1, initial=0.0)
      for name in left
    ],
    axis=0,
  )


def _rows(golden: Golden) -> int:
  return len(next(iter(golden.outputs.values())))


def _take(values: Arrays, rows: np.ndarray) -> dict[str, np.ndarray]:
  return {name: value[rows] for name, value in values.items()}
