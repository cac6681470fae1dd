"""Gymnasium's spaces as specs, and their values as arrays of these specs.

It needs Gymnasium as soon as it is imported, so import it only on demand.
"""

import abc
import collections
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from tf_agents.specs import array_spec

__all__ = ['Part', 'read_action_space', 'read_observation_space']

# The ends of float32 stand for "unbounded" in a BoundedArraySpec.
_FINITE = 1e30
_REMEDIES = {
  'observation': (
    'FilterObservation to drop it, or in TransformObservation to make it a Box'
  ),
  'action': 'TransformAction to make it a Box or Discrete',
}


class Part(abc.ABC):
  """A space, or a part of one.

  Attributes:
    spec: Spec, or nest of specs, of its values here.
  """

  spec: Any

  @abc.abstractmethod
  def read(self, value: Any) -> Any:
    """Turns a value of the space into new arrays of the spec.

    Raises:
      ValueError: If it is none of the space.
    """

  @abc.abstractmethod
  def write(self, value: Any) -> Any:
    """Turns arrays of the spec into a value of the space.

    Raises:
      ValueError: If they do not fit the spec.
    """


def read_observation_space(
  space: spaces.Space, owner: str, *, flatten: bool, trust_bounds: bool
) -> Part:
  """Returns what an environment observes.

  Args:
    space: Nest of `Dict` and `Tuple` over `Box`, `Discrete`, `MultiDiscrete`
      and `MultiBinary`.
    owner: Name of the environment, for messages.
    flatten: Makes one float32 vector of it, discrete parts one-hot.
    trust_bounds: Whether floats are declared with the bounds of the space.

  Raises:
    ValueError: If the space has another part; the message names it.
  """
  place = _Place('observation', (), owner)
  part = _ObservationReader(trust_bounds).read(space, place)
  return _Vector(space, part, place, trust_bounds) if flatten else part


def read_action_space(space: spaces.Space, owner: str) -> Part:
  """Returns what an environment is told to do.

  Integers whose bounds differ become scalars `part_0`, `part_1` and so on: a
  learner has one number of values for each part.

  Args:
    space: Nest of `Dict` and `Tuple` over `Box` with finite bounds,
      `Discrete`, `MultiDiscrete` and `MultiBinary`.
    owner: Name of the environment, for messages.

  Raises:
    ValueError: If the space has another part, or one without bounds; the
      message names it.
  """
  return _ActionReader().read(space, _Place('action', (), owner))


class _Place(NamedTuple):
  """Where in a space a part is."""

  what: str
  path: tuple[str, ...]
  owner: str

  def __str__(self) -> str:
    path = f' {"/".join(self.path)!r}' if self.path else ''
    return f'{self.what}{path} of {self.owner}'

  @property
  def label(self) -> str:
    """Name of the part's spec."""
    return '/'.join(self.path) or self.what

  def child(self, key: str) -> '_Place':
    return self._replace(path=(*self.path, key))


class _Reader(abc.ABC):
  """Walks through a space; its children know what the leaves become."""

  def read(self, space: spaces.Space, place: _Place) -> Part:
    if isinstance(space, spaces.Dict):
      _check_keys(space, place)
      return _Fields(
        {key: self.read(space[key], place.child(key)) for key in space}, place
      )
    if isinstance(space, spaces.Tuple):
      parts = [
        self.read(part, place.child(name))
        for name, part in _named(space).items()
      ]
      return _Items(parts, place, tuple)
    if isinstance(space, spaces.Box) and space.dtype.kind == 'f':
      return self._read_floats(space, place)
    if isinstance(space, _INTEGERS) and space.dtype.kind in 'biu':
      return self._read_integers(space, place)
    raise ValueError(
      f'{place} is a {type(space).__name__} space, which has no arrays of '
      'numbers of one shape; wrap the environment in gymnasium.wrappers.'
      f'{_REMEDIES[place.what]}.'
    )

  @abc.abstractmethod
  def _read_floats(self, space: spaces.Box, place: _Place) -> Part:
    """Makes the part of a box of floats."""

  @abc.abstractmethod
  def _read_integers(self, space: spaces.Space, place: _Place) -> Part:
    """Makes the part of an array of integers, or of one."""


_INTEGERS = (
  spaces.Box,
  spaces.Discrete,
  spaces.MultiDiscrete,
  spaces.MultiBinary,
)


class _ObservationReader(_Reader):
  def __init__(self, trust_bounds: bool):
    self._trust_bounds = trust_bounds

  def _read_floats(self, space, place):
    return _Floats(space, place, self._trust_bounds)

  def _read_integers(self, space, place):
    return _Integers(space, place)


class _ActionReader(_Reader):
  def _read_floats(self, space, place):
    if not (np.abs([space.low, space.high]) < _FINITE).all():
      # Not ClipAction: the space of that one has no bounds.
      raise ValueError(
        f'{place} must have finite bounds, got {_one_line(space)}; wrap the '
        'environment in gymnasium.wrappers.TransformAction with a bounded Box.'
      )
    return _Floats(space, place, bounded=True)

  def _read_integers(self, space, place):
    low, high = _bounds(space, place)
    if _is_one_number(low) and _is_one_number(high):
      return _Integers(space, place)
    scalars = spaces.Tuple(
      spaces.Discrete(b - a + 1, start=a)
      for a, b in zip(low.ravel().tolist(), high.ravel().tolist(), strict=True)
    )
    parts = [
      _Integers(scalar, place.child(name))
      for name, scalar in _named(scalars).items()
    ]
    return _Items(
      parts,
      place,
      lambda values: np.array(values, space.dtype).reshape(space.shape),
    )


def _check_keys(space: spaces.Dict, place: _Place) -> None:
  if not space.spaces or not all(isinstance(key, str) for key in space):
    raise ValueError(
      f'{place} must have parts, named by strings, got the keys {list(space)}; '
      'name them so in the environment.'
    )


def _named(space: spaces.Tuple) -> dict[str, spaces.Space]:
  return {f'part_{index}': part for index, part in enumerate(space)}


def _one_line(value: Any) -> str:
  text = ' '.join(str(value).split())
  return text if len(text) <= 200 else f'{text[:200]}...'


def _is_one_number(bound: np.ndarray) -> bool:
  return bool(np.all(bound == bound.flat[0]))


def _bounds(space: Any, place: _Place) -> tuple[np.ndarray, np.ndarray]:
  """Returns the least and the greatest value of each integer, int64."""
  if isinstance(space, spaces.Box):
    if int(space.high.max()) > np.iinfo(np.int64).max:
      raise ValueError(
        f'{place} must fit int64, got {_one_line(space)}; narrow its bounds.'
      )
    return space.low.astype(np.int64), space.high.astype(np.int64)
  if isinstance(space, spaces.MultiBinary):
    return np.zeros(space.shape, np.int64), np.ones(space.shape, np.int64)
  count = space.n if isinstance(space, spaces.Discrete) else space.nvec
  start = np.asarray(space.start, np.int64)
  return start, start + np.asarray(count, np.int64) - 1


class _Floats(Part):
  """A box of floats, as float32."""

  def __init__(self, space: spaces.Box, place: _Place, bounded: bool):
    self._space = space
    self._place = place
    self.spec = _float_spec(space, place, bounded)
    self._limits = (
      (self.spec.minimum, self.spec.maximum)
      if isinstance(self.spec, array_spec.BoundedArraySpec)
      else None
    )

  def read(self, value):
    array = _as_array(value, self._space, self._place)
    with np.errstate(over='ignore'):  # It is then infinite, and refused.
      array = np.array(array, np.float32)
    # Whatever is not finite is not within limits either.
    is_right = (
      _is_within(array, *self._limits)
      if self._limits
      else np.isfinite(array).all()
    )
    if not is_right:
      self._refuse(array)
    return array

  def _refuse(self, array: np.ndarray) -> None:
    if not np.isfinite(array).all():
      raise ValueError(
        f'{self._place} holds NaN or infinity: {_one_line(array)}; check its '
        'physics, or clip it in gymnasium.wrappers.TransformObservation.'
      )
    low, high = self.spec.minimum, self.spec.maximum
    raise ValueError(
      f'{self._place} must be in [{_one_line(low)}, {_one_line(high)}], got '
      f'{_one_line(array)}; widen the space, or bind '
      'GymnasiumEnv.trust_bounds = False.'
    )

  def write(self, value):
    array = _checked(value, self.spec, self._place).astype(self._space.dtype)
    if self._space.dtype.itemsize <= 4:
      return array
    # In float32 a bound may lie one rounding beyond the space's own.
    return np.clip(array, self._space.low, self._space.high)


class _Integers(Part):
  """One integer, or an array of them.

  Observed uint8 stays what it is; all else is int32, or int64 where that does
  not hold it.
  """

  def __init__(self, space: spaces.Space, place: _Place):
    self._space = space
    self._place = place
    self.spec = _integer_spec(space, place)

  def read(self, value):
    array = _as_array(value, self._space, self._place)
    if not _is_within(array, self.spec.minimum, self.spec.maximum):
      raise ValueError(
        f'{self._place} must be in [{_one_line(self.spec.minimum)}, '
        f'{_one_line(self.spec.maximum)}], got {_one_line(array)}; widen the '
        'space.'
      )
    return np.array(array, self.spec.dtype)

  def write(self, value):
    array = _checked(value, self.spec, self._place)
    if isinstance(self._space, spaces.Discrete):
      return self._space.dtype.type(array)
    return array.astype(self._space.dtype)


class _Fields(Part):
  """A dictionary of parts."""

  def __init__(self, parts: Mapping[str, Part], place: _Place):
    self._parts = dict(parts)
    self._place = place
    self.spec = {key: part.spec for key, part in parts.items()}

  def read(self, value):
    self._check(value)
    return {key: part.read(value[key]) for key, part in self._parts.items()}

  def write(self, value):
    self._check(value)
    return {key: part.write(value[key]) for key, part in self._parts.items()}

  def _check(self, value) -> None:
    if not isinstance(value, Mapping):
      found = f'a {type(value).__name__}'
    elif value.keys() != self._parts.keys():
      found = ', '.join(sorted(map(str, value)))
    else:
      return
    raise ValueError(
      f'{self._place} must have the parts {", ".join(sorted(self._parts))}, '
      f'got {found}; add or drop the others.'
    )


class _Items(Part):
  """A sequence of parts: here a dictionary of `part_0`, `part_1`, ..."""

  def __init__(
    self,
    parts: Sequence[Part],
    place: _Place,
    join: Callable[[Sequence[Any]], Any],
  ):
    """Joins parts.

    Args:
      parts: In the order of the sequence.
      place: Where it is.
      join: Makes the space's value of the parts' values.
    """
    self._names = [f'part_{index}' for index in range(len(parts))]
    self._fields = _Fields(dict(zip(self._names, parts, strict=True)), place)
    self._place = place
    self._join = join
    self.spec = self._fields.spec

  def read(self, value):
    if not isinstance(value, Sequence) or len(value) != len(self._names):
      raise ValueError(
        f'{self._place} must be a sequence of {len(self._names)} parts, got '
        f'{_one_line(value)}; return as many as the space has.'
      )
    return self._fields.read(dict(zip(self._names, value, strict=True)))

  def write(self, value):
    values = self._fields.write(value)
    return self._join([values[name] for name in self._names])


class _Vector(Part):
  """An observation as one float32 vector, in Gymnasium's order."""

  def __init__(
    self, space: spaces.Space, part: Part, place: _Place, trust_bounds: bool
  ):
    self._space = space
    self._part = part
    declared = space if trust_bounds else _without_bounds(space)
    flat = spaces.utils.flatten_space(declared)
    self.spec = _float_spec(flat, place, bounded=True)

  def read(self, value):
    self._part.read(value)  # Its messages name the part.
    return np.array(spaces.utils.flatten(self._space, value), np.float32)

  def write(self, value):
    raise NotImplementedError('an observation is only read.')


def _without_bounds(space: spaces.Space) -> spaces.Space:
  if isinstance(space, spaces.Dict):
    # Of an ordered one, Gymnasium keeps the order.
    items = ((key, _without_bounds(part)) for key, part in space.items())
    return spaces.Dict(collections.OrderedDict(items))
  if isinstance(space, spaces.Tuple):
    return spaces.Tuple(_without_bounds(part) for part in space)
  if isinstance(space, spaces.Box) and space.dtype.kind == 'f':
    return spaces.Box(-np.inf, np.inf, space.shape, space.dtype.type)
  return space


def _float_spec(space: Any, place: _Place, bounded: bool):
  with np.errstate(over='ignore'):  # Beyond float32 is as good as infinite.
    low, high = (
      np.asarray(side, np.float32) for side in (space.low, space.high)
    )
  if bounded and (np.isfinite(low) | np.isfinite(high)).any():
    return array_spec.BoundedArraySpec(
      space.shape, np.float32, low, high, place.label
    )
  return array_spec.ArraySpec(space.shape, np.float32, place.label)


def _integer_spec(space: Any, place: _Place) -> array_spec.BoundedArraySpec:
  low, high = _bounds(space, place)
  narrow = np.iinfo(np.int32)
  dtype: Any = np.int64
  if space.dtype == np.uint8 and place.what == 'observation':
    dtype = np.uint8
  elif narrow.min <= low.min() and high.max() <= narrow.max:
    dtype = np.int32
  if _is_one_number(low) and _is_one_number(high):
    low, high = low.flat[0], high.flat[0]
  return array_spec.BoundedArraySpec(
    space.shape, dtype, low.astype(dtype), high.astype(dtype), place.label
  )


def _is_within(array: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
  return bool((array >= low).all() and (array <= high).all())


def _as_array(value: Any, space: spaces.Space, place: _Place) -> np.ndarray:
  """Returns an environment's value, if it has the kind and shape it should.

  Floats of another width pass, as do integers: a float where integers belong,
  or the other way round an object, is a mistake.
  """
  try:
    array = np.asarray(value)
  except ValueError:  # A ragged list.
    array = np.asarray(None)
  if array.shape == space.shape and _has_kind(array.dtype, space.dtype):
    return array
  raise ValueError(
    f'{place} must be {space.dtype} of shape {space.shape}, got {array.dtype} '
    f'of shape {array.shape}; correct it or the space in the environment.'
  )


def _has_kind(found: np.dtype, declared: np.dtype | None) -> bool:
  integers = 'biu'
  if declared is not None and declared.kind == 'f':
    return found.kind in f'{integers}f'
  return found.kind in integers


def _checked(
  value: Any, spec: array_spec.BoundedArraySpec, place: _Place
) -> np.ndarray:
  """Returns an action, if it fits its spec up to the rounding to its type."""
  array = np.asarray(value)
  is_number = array.dtype.kind in 'biuf' and array.shape == spec.shape
  if is_number and spec.dtype.kind == 'f':
    rounded = array.astype(np.float32)
    if _is_within(rounded, spec.minimum, spec.maximum):
      return rounded
  elif is_number and _is_within(array, spec.minimum, spec.maximum):
    if (array == np.round(array)).all():
      return array
  kind = 'numbers' if spec.dtype.kind == 'f' else 'whole numbers'
  raise ValueError(
    f'{place} must have shape {spec.shape} and be {kind} in '
    f'[{_one_line(spec.minimum)}, {_one_line(spec.maximum)}], got '
    f'{_one_line(array)}; clip or scale it.'
  )
