"""Reads flat arrays of transitions: D4RL's HDF5 files, and .npz archives.

Source: https://github.com/Farama-Foundation/D4RL/wiki/Tasks
"""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import h5py
import numpy as np

from awopt_agent.demos import schema
from awopt_agent.demos.converters import hdf5, npz, rows

__all__ = ['LOOKS_LIKE', 'fits', 'read']

LOOKS_LIKE = 'an .npz archive, or HDF5, with observations and actions'

# Ours, and what it is called in files; the first is what we tell users.
_NAMES = {
  'observation': ('observations', 'observation', 'obs'),
  'action': ('actions', 'action'),
  'reward': ('rewards', 'reward'),
  'next': ('next_observations', 'next_observation', 'next_obs'),
  'terminal': ('terminals', 'terminal', 'terminations'),
  'timeout': ('timeouts', 'timeout', 'truncations'),
  'ends': ('episode_ends',),
  'lengths': ('episode_lengths',),
}
_PER_ROW = ('observation', 'action', 'reward', 'next')
# D4RL keeps there how a set was made: down to the weights of networks.
_ABOUT = 'metadata'


def fits(path: str) -> bool:
  """Tells whether a path holds observations and actions by those names."""
  if not npz.is_npz(path) and not hdf5.is_hdf5(path):
    return False
  with _open(path) as source:
    roots = {name.split('/')[0] for name in source.shapes}
    return all(roots & set(_NAMES[name]) for name in ('observation', 'action'))


def read(
  path: str, *, max_steps: int | None = None
) -> Iterator[schema.StoredEpisode]:
  """Reads the episodes of arrays that hold them one behind the other.

  The arrays are `observations`, `actions`, `rewards` of N rows, and where
  episodes end: `terminals` and `timeouts` of N rows, or `episode_ends` (one
  behind each last row), or `episode_lengths`; a name with slashes makes a
  nest. Further arrays of N rows are kept as step fields; single values, and
  arrays of one row an episode, as metadata. D4RL's own `metadata/` is left out
  but for its single values.

  What stands behind the last row of an episode may be zeros, or of another
  one, and `next_observations` too: it is used behind a terminal state alone,
  where nothing is bootstrapped from it. Behind a timeout the last row is the
  last one seen.

  Args:
    path: HDF5 file or .npz archive.
    max_steps: Where a set has `terminals` but no `timeouts`: the limit, in
      steps, at which episodes were cut; 0 if none was.

  Raises:
    ValueError: If nothing says where episodes end, or arrays do not fit.
  """
  if max_steps is not None and max_steps < 0:
    raise ValueError(f'max_steps must be at least 0, got {max_steps}.')
  build = functools.partial(_episode, path)
  # Unlike a generator, map goes on behind an episode that was refused.
  return map(build, _parts(path, max_steps))


class _Hdf5Source:
  """The data sets of an HDF5 file; rows are read from where one asks."""

  def __init__(self, file: h5py.File):
    # With a data set goes its cache: opened anew for each episode, each chunk
    # of a compressed file is decompressed again and again.
    self._open: dict[str, h5py.Dataset] = {}
    self.shapes: dict[str, tuple[int, ...]] = {}
    file.visititems(self._add)

  def _add(self, name: str, node: Any) -> None:
    if isinstance(node, h5py.Dataset):
      self._open[name] = node
      self.shapes[name] = tuple(node.shape or ())

  def read_rows(self, name: str, start: int, stop: int) -> np.ndarray:
    return np.asarray(self._open[name][start:stop])

  def read_all(self, name: str) -> np.ndarray:
    return np.asarray(self._open[name][()])


class _NpzSource:
  """The arrays of an archive; rows can only be read one after the other."""

  def __init__(self, archive: npz.Archive):
    self._arrays = archive.arrays
    self.shapes = {name: rows.shape for name, rows in self._arrays.items()}

  def read_rows(self, name: str, start: int, stop: int) -> np.ndarray:
    return self._arrays[name].read(stop - start)

  def read_all(self, name: str) -> np.ndarray:
    return self._arrays[name].read_all()


class _Part(NamedTuple):
  """An episode's rows.

  Attributes:
    place: Its place among the episodes.
    start: First row.
    stop: One behind the last.
    terminals: `[T]`, whether each action led into a terminal state.
    steps: Our names, and extras by their path, to arrays `[T, ...]`.
    metadata: Single values.
  """

  place: int
  start: int
  stop: int
  terminals: np.ndarray
  steps: dict[str, Any]
  metadata: dict[str, Any]


@contextlib.contextmanager
def _open(path: str) -> Iterator[Any]:
  if hdf5.is_hdf5(path):
    with hdf5.open_file(path) as file:
      yield _Hdf5Source(file)
  else:
    with npz.Archive(path) as archive:
      yield _NpzSource(archive)


def _parts(path: str, max_steps: int | None) -> Iterator[_Part]:
  with _open(path) as source:
    known, extras = _sort_names(source.shapes)
    count = _count(source.shapes, known, path)
    terminals = _read_flags(source, known, 'terminal', count, path)
    ends = _find_ends(source, known, terminals, max_steps, count, path)
    per_step, fixed, per_episode = _sort_extras(
      source, extras, count, len(ends), path
    )
    names = {n: known[n] for n in _PER_ROW if n in known} | {'extras': per_step}
    start = 0
    for index, stop in enumerate(ends):
      part = {
        ours: _nest(
          {n: source.read_rows(full, start, stop) for n, full in theirs.items()}
        )
        for ours, theirs in names.items()
      }
      own = {name: values[index] for name, values in per_episode.items()}
      yield _Part(
        index, start, stop, terminals[start:stop], part, _nest({**fixed, **own})
      )
      start = stop


def _episode(path: str, part: _Part) -> schema.StoredEpisode:
  where = f'{path}: episode {part.place} (rows {part.start} to {part.stop})'
  early = np.flatnonzero(part.terminals[:-1])
  if early.size:
    raise schema.BadEpisodeError(
      f'{where}: terminals is set at row {part.start + early[0]}, before the '
      'end; correct episode_ends or episode_lengths.'
    )
  is_terminal = bool(part.terminals[-1])
  steps = part.steps
  final = steps.get('next') if is_terminal else None
  return rows.build_episode(
    where,
    observation=steps['observation'],
    action=steps['action'],
    reward=steps.get('reward'),
    is_terminal=is_terminal,
    final_observation=None if final is None else _last_row(final),
    extras=steps['extras'],
    metadata=part.metadata,
  )


def _sort_names(
  shapes: dict[str, Any],
) -> tuple[dict[str, dict[str, str]], list[str]]:
  """Returns the paths below each of our names, and those that are neither."""
  known: dict[str, dict[str, str]] = {}
  extras = []
  for full in shapes:
    root, _, rest = full.partition('/')
    ours = next((n for n, theirs in _NAMES.items() if root in theirs), None)
    if ours is None:
      extras.append(full)
    else:
      known.setdefault(ours, {})[rest] = full
  return known, extras


def _count(shapes, known, path: str) -> int:
  for name in ('observation', 'action'):
    if name not in known:
      raise ValueError(
        f'{path} has no {_NAMES[name][0]}, only {", ".join(shapes)}; rename '
        'its arrays.'
      )
  first = next(iter(known['action'].values()))
  count = shapes[first][0] if shapes[first] else 0
  for name in _PER_ROW:
    for full in known.get(name, {}).values():
      if shapes[full][:1] != (count,):
        raise ValueError(
          f'{path}: {full} has shape {list(shapes[full])}, but {first} has '
          f'{count} rows; save as many of each.'
        )
  return count


def _read_flags(source, known, name: str, count: int, path: str) -> np.ndarray:
  """Returns `[N]` flags, none of them set where a set has no such array."""
  if name not in known:
    return np.zeros(count, bool)
  (full,) = known[name].values()
  flags = np.asarray(source.read_all(full)).astype(bool).reshape(-1)
  if len(flags) != count:
    raise ValueError(
      f'{path}: {full} has {len(flags)} rows, but there are {count} actions; '
      'save as many of each.'
    )
  return flags


def _find_ends(
  source, known, terminals, max_steps: int | None, count: int, path: str
) -> np.ndarray:
  """Returns one behind the last row of each episode."""
  if 'ends' in known or 'lengths' in known:
    return _given_ends(source, known, count, path)
  if 'timeout' in known:
    over = terminals | _read_flags(source, known, 'timeout', count, path)
  elif 'terminal' not in known:
    raise ValueError(
      f'{path} does not say where episodes end; add terminals and timeouts, '
      'episode_ends or episode_lengths.'
    )
  elif max_steps is None:
    raise ValueError(
      f'{path} has terminals but no timeouts, so that episodes that were cut '
      'would be joined; give the limit as max_steps, 0 if none was cut.'
    )
  else:
    over = terminals | _limits(terminals, max_steps)
  ends = np.flatnonzero(over) + 1
  return ends if count in ends else np.append(ends, count)


def _given_ends(source, known, count: int, path: str) -> np.ndarray:
  name = 'ends' if 'ends' in known else 'lengths'
  (full,) = known[name].values()
  ends = np.asarray(source.read_all(full)).astype(np.int64).reshape(-1)
  if name == 'lengths':
    ends = np.cumsum(ends)
  if not ends.size or ends[-1] != count or np.any(np.diff(ends, prepend=0) < 1):
    raise ValueError(
      f'{path}: {full} must make episodes of at least 1 row, {count} in all; '
      'correct it.'
    )
  return ends


def _limits(terminals: np.ndarray, max_steps: int) -> np.ndarray:
  over = np.zeros(len(terminals), bool)
  steps = 0
  for row, ended in enumerate(terminals):
    steps += 1
    if ended or steps == max_steps:
      over[row], steps = True, 0
  return over


def _sort_extras(
  source, names: list[str], count: int, episodes: int, path: str
) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
  """Returns extras of rows, values of the set, and values of each episode."""
  per_step, fixed, per_episode = {}, {}, {}
  for name in names:
    shape = source.shapes[name]
    if shape == ():
      fixed[name] = source.read_all(name)
    elif name.split('/')[0] == _ABOUT:
      continue
    elif shape[0] == count:
      per_step[name] = name
    elif shape[0] == episodes:
      per_episode[name] = source.read_all(name)
    else:
      raise ValueError(
        f'{path}: {name} has {shape[0]} rows, but there are {count} actions '
        f'and {episodes} episodes; remove it from the file.'
      )
  return per_step, fixed, per_episode


def _nest(flat: dict[str, Any]) -> Any:
  """Makes {'a/b': x} to {'a': {'b': x}}, and {'': x} to x."""
  if '' in flat:
    return flat['']
  nest: dict[str, Any] = {}
  for name, value in flat.items():
    *parents, last = name.split('/')
    inner = nest
    for parent in parents:
      inner = inner.setdefault(parent, {})
    inner[last] = value
  return nest


def _last_row(nest: Any) -> Any:
  if isinstance(nest, dict):
    return {name: _last_row(part) for name, part in nest.items()}
  return nest[-1:]
