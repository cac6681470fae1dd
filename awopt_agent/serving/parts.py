"""The named parts of an observation or an action, as a SavedModel has them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = [
  'BYTES',
  'Part',
  'as_inputs',
  'flatten',
  'from_record',
  'from_spec',
  'pack',
  'prefixed',
]

# What NumPy names the type of byte strings.
BYTES = 'bytes'


class Part(NamedTuple):
  """A leaf of a spec.

  Attributes:
    name: Its name in signatures: the path, joined by underscores.
    path: Keys and indices that lead to it in the nest; () for a bare tensor.
    shape: Without batch dimension.
    dtype: Name of the NumPy type; 'bytes' for an encoded picture.
    minimum: Lower bound, a scalar or of `shape`; None if it has none.
    maximum: Upper bound, likewise.
  """

  name: str
  path: tuple[str | int, ...]
  shape: tuple[int, ...]
  dtype: str
  minimum: np.ndarray | None = None
  maximum: np.ndarray | None = None

  def as_record(self) -> dict[str, Any]:
    """Returns what JSON can hold; an infinite bound becomes null."""
    record = self._asdict()
    record['minimum'] = _bound_to_json(self.minimum)
    record['maximum'] = _bound_to_json(self.maximum)
    return record


def from_record(record: Mapping[str, Any]) -> Part:
  """Returns the part that `Part.as_record` recorded."""
  dtype = np.dtype(record['dtype'])
  return Part(
    name=record['name'],
    path=tuple(record['path']),
    shape=tuple(record['shape']),
    dtype=record['dtype'],
    minimum=_bound_from_json(record['minimum'], -np.inf, dtype),
    maximum=_bound_from_json(record['maximum'], np.inf, dtype),
  )


def from_spec(spec: Any, bare_name: str) -> list[Part]:
  """Names the leaves of a nest of array or tensor specs.

  Args:
    spec: Nest of specs, in the order of `tf.nest.flatten`.
    bare_name: Name of the only part if the spec is no nest.

  Returns:
    The parts, in the order of `tf.nest.flatten`.

  Raises:
    ValueError: If two parts get the same name, or one holds no numbers.
  """
  parts = [
    _part_of(path, leaf, bare_name)
    for path, leaf in _leaves(spec, (Mapping, tuple, list))
  ]
  names = [part.name for part in parts]
  for name in names:
    if names.count(name) > 1:
      raise ValueError(
        f'two parts of the {bare_name} spec would be named {name!r} in a '
        'SavedModel; rename one of them.'
      )
  return parts


def as_inputs(
  observation: Sequence[Part], action: Sequence[Part]
) -> tuple[Part, ...]:
  """Names the parts of an observation and an action for one signature.

  Both may have a part `gripper`; the action's becomes `action_gripper`.

  Args:
    observation: Its parts, which keep their names.
    action: Its parts.

  Returns:
    The observation's parts, then the action's.

  Raises:
    ValueError: If two of them would have the same name.
  """
  renamed = prefixed('action', action)
  taken = {part.name for part in observation}
  for part in renamed:
    if part.name in taken:
      raise ValueError(
        'a part of the observation spec and one of the action spec would both '
        f'be named {part.name!r} in a SavedModel; rename one of them.'
      )
  return (*observation, *renamed)


def prefixed(prefix: str, parts: Sequence[Part]) -> tuple[Part, ...]:
  """Returns the parts under names that begin with `<prefix>_`."""
  return tuple(part._replace(name=f'{prefix}_{part.name}') for part in parts)


def flatten(parts: Sequence[Part], nest: Any, what: str) -> dict[str, Any]:
  """Returns the values of a nest by the names of their parts.

  Args:
    parts: What the nest must hold.
    nest: Dicts and tuples, nested as the spec, or a dict by names; a bare
      value for a bare spec. Lists count as arrays.
    what: What the nest is, for messages.

  Raises:
    ValueError: If parts are missing, or there are others.
  """
  if parts[0].path == () and not isinstance(nest, Mapping):
    return {parts[0].name: nest}
  needed = {part.name for part in parts}
  if isinstance(nest, dict) and nest.keys() == needed:
    if all(isinstance(value, np.ndarray) for value in nest.values()):
      return nest
  found = {_name(path): leaf for path, leaf in _leaves(nest, (Mapping, tuple))}
  problems = [f'lacks {name!r}' for name in sorted(needed - set(found))]
  problems += [
    f'has an unknown {name!r}' for name in sorted(set(found) - needed)
  ]
  if problems:
    raise ValueError(
      f'{what} {", ".join(problems)}; pass the parts '
      f'{", ".join(sorted(needed))}.'
    )
  return found


def pack(parts: Sequence[Part], values: Mapping[str, Any]) -> Any:
  """Nests values by name as the spec was; the reverse of `flatten`.

  Named tuples come back as dicts, lists as tuples.
  """
  if parts[0].path == ():
    return values[parts[0].name]
  root: dict = {}
  for part in parts:
    level = root
    for key in part.path[:-1]:
      level = level.setdefault(key, {})
    level[part.path[-1]] = values[part.name]
  return _with_tuples(root)


def _part_of(path: tuple, leaf: Any, bare_name: str) -> Part:
  # Tensor specs have TensorFlow's types, array specs NumPy's.
  dtype = np.dtype(getattr(leaf.dtype, 'as_numpy_dtype', leaf.dtype))
  name = _name(path) or bare_name
  if dtype.kind not in 'biuf':
    raise ValueError(f'{name!r} must hold numbers to be served, got {leaf}.')
  bounds = [getattr(leaf, side, None) for side in ('minimum', 'maximum')]
  bounds = [
    bound if bound is None else np.asarray(bound, dtype) for bound in bounds
  ]
  return Part(name, path, tuple(map(int, leaf.shape)), dtype.name, *bounds)


def _leaves(nest: Any, nests: tuple, path: tuple = ()) -> Iterator[tuple]:
  """Yields paths and leaves in the order of `tf.nest.flatten`."""
  if not isinstance(nest, nests):
    yield path, nest
    return
  if isinstance(nest, Mapping):
    items = [(key, nest[key]) for key in sorted(nest)]
  elif hasattr(nest, '_fields'):
    items = list(zip(nest._fields, nest, strict=True))
  else:
    items = list(enumerate(nest))
  for key, value in items:
    yield from _leaves(value, nests, (*path, key))


def _name(path: tuple) -> str:
  """Joins a path to what TensorFlow takes as a name: it would rename others."""
  name = '_'.join(re.sub(r'\W', '_', str(key), flags=re.ASCII) for key in path)
  return name if not name or name[0].isalpha() else f'part_{name}'


def _with_tuples(nest: Any) -> Any:
  """Turns dicts whose keys are indices into tuples."""
  if not isinstance(nest, dict):
    return nest
  values = {key: _with_tuples(value) for key, value in nest.items()}
  if all(isinstance(key, int) for key in values):
    return tuple(values[index] for index in sorted(values))
  return values


def _bound_to_json(bound: np.ndarray | None) -> Any:
  def encode(value):
    if isinstance(value, list):
      return [encode(element) for element in value]
    return value if np.isfinite(value) else None

  return None if bound is None else encode(bound.tolist())


def _bound_from_json(bound: Any, infinite: float, dtype) -> np.ndarray | None:
  def decode(value):
    if isinstance(value, list):
      return [decode(element) for element in value]
    return infinite if value is None else value

  return None if bound is None else np.asarray(decode(bound), dtype)
