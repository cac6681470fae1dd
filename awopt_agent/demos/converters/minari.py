"""Reads data sets of Minari: a folder with data/main_data.hdf5.

Source: https://minari.farama.org/content/dataset_standards/
"""

import functools
import json
import os
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from awopt_agent.demos import schema
from awopt_agent.demos.converters import hdf5, images, rows

__all__ = ['LOOKS_LIKE', 'fits', 'read']

LOOKS_LIKE = 'a folder with data/main_data.hdf5'

_FILE = 'main_data.hdf5'
_NO_SEED = -1
# JPEG pictures of one size, or of several, fill such arrays.
_MAX_PICTURE_RANK = 2


def fits(path: str) -> bool:
  """Tells whether a path is such a folder, or the file in it."""
  found = _find(path)
  if os.path.isdir(path):
    return os.path.isfile(found) or bool(_set_metadata(found))
  if not hdf5.is_hdf5(found):
    return False
  with hdf5.open_file(found) as file:
    return any(
      isinstance(part, h5py.Group) and 'terminations' in part
      for part in file.values()
    )


def read(
  path: str, *, skip_infos: bool = False
) -> Iterator[schema.StoredEpisode]:
  """Reads the episodes of a set, by their numbers.

  Spaces of dicts become nests, those of tuples nests with the names `_index_0`
  and so on. Pictures that Minari stored as JPEG are decoded. The seed becomes
  metadata, -1 if there was none.

  Args:
    path: Folder of the set (with or without `data`), or its HDF5 file.
    skip_infos: Whether to leave out what the environment told besides.

  Raises:
    ValueError: If the set is not stored as HDF5.
  """
  build = functools.partial(_episode, path, skip_infos=skip_infos)
  # Unlike a generator, map goes on behind an episode that was refused.
  return map(build, _groups(path))


def _find(path: str) -> str:
  """Returns where the HDF5 file of a set is, or should be."""
  if os.path.isfile(path):
    return path
  beside = os.path.join(path, _FILE)
  return beside if os.path.isfile(beside) else os.path.join(path, 'data', _FILE)


def _set_metadata(file: str) -> dict[str, Any]:
  """Returns what stands beside the HDF5 file; sets of others may lack it."""
  try:
    with open(
      os.path.join(os.path.dirname(file), 'metadata.json'), encoding='utf-8'
    ) as stream:
      found = json.load(stream)
  except (OSError, ValueError):
    return {}
  return found if 'data_format' in found or 'total_steps' in found else {}


def _groups(path: str) -> Iterator[tuple[str, h5py.Group, bool]]:
  found = _find(path)
  about = _set_metadata(found)
  stored_as = about.get('data_format', 'hdf5')
  if stored_as != 'hdf5':
    raise ValueError(
      f'{path} is stored as {stored_as}; load it with minari, and create it '
      "again with data_format='hdf5'."
    )
  with hdf5.open_file(found) as file:
    names = hdf5.by_number(file)
    expected = about.get('total_episodes', len(names))
    if len(names) != expected:
      raise ValueError(
        f'{path} holds {len(names)} episodes, but its metadata.json says '
        f'{expected}; download it again.'
      )
    for name in names:
      # Older versions wrote pictures as they are, and said nothing of it.
      yield name, file[name], bool(about.get('jpeg_encoding', True))


def _episode(
  path: str, item: tuple[str, h5py.Group, bool], *, skip_infos: bool
) -> schema.StoredEpisode:
  name, group, may_be_jpeg = item
  where = f'{path}: {name}'
  parts = {}
  for part in ('observations', 'actions', 'rewards', 'terminations'):
    if part not in group:
      raise schema.BadEpisodeError(
        f'{where}: has no {part!r}, only {", ".join(group) or "nothing"}; '
        'leave it out.'
      )
    parts[part] = _read(group[part], may_be_jpeg, f'{where}: {part}')
  infos = _read_infos(group, len(parts['rewards']), skip_infos, where)
  observation, final = _split_final(parts, where)
  return rows.build_episode(
    where,
    observation=observation,
    action=parts['actions'],
    reward=parts['rewards'],
    is_terminal=_ends(parts['terminations'], where),
    final_observation=final,
    extras=infos,
    metadata={
      'name': name,
      'seed': np.int64(group.attrs.get('seed', _NO_SEED)),
      'attributes': hdf5.attributes_text(
        group, leave_out=('id', 'seed', 'total_steps')
      ),
    },
  )


def _read(node: Any, may_be_jpeg: bool, where: str) -> Any:
  if isinstance(node, h5py.Group):
    return {
      name: _read(part, may_be_jpeg, f'{where}/{name}')
      for name, part in node.items()
    }
  values = hdf5.read_nest(node)
  if may_be_jpeg and _is_jpeg(values):
    try:
      return np.stack([images.decode(row.tobytes()) for row in values])
    except ValueError as error:
      raise schema.BadEpisodeError(
        f'{where} holds pictures that cannot be decoded, or of several sizes; '
        'leave the episode out.'
      ) from error
  return values


def _is_jpeg(values: np.ndarray) -> bool:
  """Tells by their contents, since a space says only that it is a picture."""
  if not values.ndim or values.ndim > _MAX_PICTURE_RANK or not len(values):
    return False
  return all(
    isinstance(row, np.ndarray)
    and row.dtype == np.uint8
    and images.is_jpeg(row[:3].tobytes())
    for row in values
  )


def _read_infos(
  group: h5py.Group, count: int, skip_infos: bool, where: str
) -> dict[str, Any]:
  if skip_infos or 'infos' not in group or not len(group['infos']):
    return {}
  infos = _read(group['infos'], False, f'{where}: infos')
  for path, leaf in _leaves(infos, 'infos'):
    if np.ndim(leaf) == 0 or len(leaf) not in (count, count + 1):
      raise schema.BadEpisodeError(
        f'{where}: {path} has shape {list(leaf.shape)}, but there are {count} '
        'steps; leave infos out with skip_infos.'
      )
  return {'infos': infos}


def _leaves(nest: Any, path: str) -> Iterator[tuple[str, np.ndarray]]:
  if not isinstance(nest, dict):
    yield path, nest
    return
  for name, part in nest.items():
    yield from _leaves(part, f'{path}/{name}')


def _split_final(parts: dict[str, Any], where: str) -> tuple[Any, Any]:
  """Splits `[T + 1, ...]` observations into the first T, and the last."""
  count = len(parts['rewards'])
  for path, leaf in _leaves(parts['observations'], 'observations'):
    if np.ndim(leaf) == 0 or len(leaf) != count + 1:
      raise schema.BadEpisodeError(
        f'{where}: {path} has shape {list(leaf.shape)}, but {count} rewards '
        f'need {count + 1} rows; leave the episode out.'
      )
  observations = parts['observations']
  return _slice(observations, slice(-1)), _slice(observations, slice(-1, None))


def _slice(nest: Any, part: slice) -> Any:
  if isinstance(nest, dict):
    return {name: _slice(value, part) for name, value in nest.items()}
  return nest[part]


def _ends(terminations: np.ndarray, where: str) -> bool:
  early = np.flatnonzero(terminations[:-1])
  if early.size:
    raise schema.BadEpisodeError(
      f'{where}: terminations is set at step {early[0]} of '
      f'{len(terminations)}, before the end; split the episode there.'
    )
  return bool(np.size(terminations) and terminations[-1])
