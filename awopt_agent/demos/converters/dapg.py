"""Reads demonstrations of hand_dapg and mjrl: a pickled list of dicts.

Source: https://github.com/aravindr93/hand_dapg (DAPG, arXiv:1709.10087).
"""

import functools
import os
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np

from awopt_agent.demos import schema
from awopt_agent.demos.converters import rows

__all__ = ['LOOKS_LIKE', 'fits', 'read']

LOOKS_LIKE = 'a pickle of demonstrations'

_FIELDS = {
  'observation': 'observations',
  'action': 'actions',
  'reward': 'rewards',
}


def fits(path: str) -> bool:
  """Tells whether a path may be such a file; reads no more than its start."""
  if not os.path.isfile(path):
    return False
  with open(path, 'rb') as file:
    start = file.read(2)
  # Pickles of protocol 2 and later begin with it and their protocol's number.
  is_pickle = start[:1] == b'\x80' and start[1:] in b'\2\3\4\5'
  return is_pickle or path.endswith(('.pickle', '.pkl'))


def read(path: str) -> Iterator[schema.StoredEpisode]:
  """Reads the demonstrations of a file.

  No observation follows the last action, and the episodes were cut by hand: the
  last row is the last one seen, and not terminal. `init_state_dict` and
  whatever else has no rows becomes metadata.

  Args:
    path: The pickle. It is read as a whole: a pickle has no parts.

  Raises:
    ValueError: If it names code other than the arrays of NumPy, which is not
      run, or is no list of demonstrations.
  """
  # Unlike a generator, map goes on behind an episode that was refused.
  return map(functools.partial(_episode, path), _demos(path))


def _demos(path: str) -> Iterator[tuple[int, Any]]:
  demos = _unpickle(path)
  if not isinstance(demos, list):
    raise ValueError(
      f'{path} holds a {type(demos).__name__}, not a list of demonstrations; '
      'convert another file.'
    )
  yield from enumerate(demos)


def _episode(path: str, numbered: tuple[int, Any]) -> schema.StoredEpisode:
  index, demo = numbered
  where = f'{path}: demonstration {index}'
  parts = _parts(demo, where)
  fields = {name: parts.pop(theirs) for name, theirs in _FIELDS.items()}
  count = len(fields['action']) if fields['action'].ndim else 0
  extras = {n: p for n, p in parts.items() if _has_rows(p, count)}
  metadata = {n: p for n, p in parts.items() if n not in extras}
  return rows.build_episode(where, **fields, extras=extras, metadata=metadata)


def _parts(demo: Any, where: str) -> dict[str, Any]:
  missing = [
    name
    for name in _FIELDS.values()
    if not isinstance(demo, dict) or not isinstance(demo.get(name), np.ndarray)
  ]
  if missing:
    raise schema.BadEpisodeError(
      f'{where}: has no array {missing[0]!r}; leave it out, or convert another '
      'file.'
    )
  try:
    return _as_arrays(demo)
  except ValueError as error:
    raise schema.BadEpisodeError(
      f'{where}: a field holds lists of unequal lengths; leave it out, or save '
      'such fields apart.'
    ) from error


def _as_arrays(nest: Any) -> Any:
  if isinstance(nest, dict):
    return {str(name): _as_arrays(part) for name, part in nest.items()}
  return np.asarray(nest)


def _has_rows(nest: Any, count: int) -> bool:
  if isinstance(nest, dict):
    return bool(nest) and all(_has_rows(p, count) for p in nest.values())
  return nest.ndim > 0 and len(nest) == count


def _unpickle(path: str) -> Any:
  with open(path, 'rb') as file:
    try:
      # Python 2 wrote the bytes of its arrays as text of this encoding.
      return _ArraysOnly(file, encoding='latin1').load()
    except _RefusedError as error:
      raise ValueError(
        f'{path} {error}, and none of it was run: a pickle may run any '
        'program; save its arrays with numpy.savez, and convert that.'
      ) from error
    except OSError:
      raise
    # A broken pickle raises whatever its wrong bytes lead to.
    except Exception as error:
      raise ValueError(
        f'{path} cannot be unpickled ({type(error).__name__}); download or '
        'copy it again.'
      ) from error


class _RefusedError(Exception):
  """A pickle names what is none of its business."""


class _ArraysOnly(pickle.Unpickler):
  """Unpickles numbers, text, lists, dicts and NumPy's arrays, nothing else."""

  def find_class(self, module: str, name: str) -> Any:
    allowed = _ALLOWED.get((module, name))
    if allowed is None:
      raise _RefusedError(f'asks for {module}.{name}')
    return allowed


def _latin1_bytes(text: str, encoding: str) -> bytes:
  """Is what old protocols call `_codecs.encode` for, and no more."""
  if encoding != 'latin1':
    raise _RefusedError(f'asks for the codec {encoding}')
  return text.encode('latin1')


def _from_buffer(
  data: Any, dtype: np.dtype, shape: Any, order: Any, axes: Any = None
) -> np.ndarray:
  """Is `_frombuffer` of any NumPy; protocol 5 stores arrays with it."""
  array = np.frombuffer(data, dtype)
  if axes is not None:
    return array.reshape(shape).transpose(axes)
  return array.reshape(shape, order=order)


_CORE = np.core.multiarray
_ALLOWED: dict[tuple[str, str], Any] = {
  ('_codecs', 'encode'): _latin1_bytes,
  ('numpy', 'dtype'): np.dtype,
  ('numpy', 'ndarray'): np.ndarray,
}
# NumPy 2 renamed the package.
for _package in ('numpy.core', 'numpy._core'):
  _ALLOWED |= {
    (f'{_package}.multiarray', '_reconstruct'): _CORE._reconstruct,
    (f'{_package}.multiarray', 'scalar'): _CORE.scalar,
    (f'{_package}.numeric', '_frombuffer'): _from_buffer,
  }
