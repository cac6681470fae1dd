"""Reads HDF5 files of robomimic and what follows it (MimicGen, LIBERO).

Source: https://robomimic.github.io/docs/datasets/overview.html
"""

import functools
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from awopt_agent.demos import schema
from awopt_agent.demos.converters import hdf5, rows

__all__ = ['LOOKS_LIKE', 'TERMINAL', 'fits', 'read']

LOOKS_LIKE = 'HDF5 with data/demo_0'
# What makes the end of an episode a terminal state.
TERMINAL = ('dones', 'reward', 'never')

_OWN = ('actions', 'rewards', 'obs', 'next_obs')
# What replays an episode in its simulator, and is no observation.
_SIMULATOR = ('states', 'model_file')


def fits(path: str) -> bool:
  """Tells whether a path is such a file."""
  if not hdf5.is_hdf5(path):
    return False
  with hdf5.open_file(path) as file:
    data = file.get('data')
    return isinstance(data, h5py.Group) and any(
      isinstance(part, h5py.Group) and 'actions' in part
      for part in data.values()
    )


def read(
  path: str,
  *,
  filter_key: str | None = None,
  terminal: str = 'dones',
  keep_simulator: bool = False,
) -> Iterator[schema.StoredEpisode]:
  """Reads the demonstrations of a file, by their numbers.

  The last observation comes from `next_obs`, if that is there. Further fields
  of T rows, such as `dones`, are kept; those of one row, and the attributes,
  become metadata.

  `dones` may be 1 before the end: robomimic's machine-generated sets mark each
  state of success, and go on. Only the last one says whether an episode ended
  in a terminal state. In the sets that people gave, robomimic sets it at each
  end; its own learners do not bootstrap there, and neither do we.

  Args:
    path: HDF5 file.
    filter_key: Name of a list in `mask/`, such as 'train'; None reads all.
    terminal: What makes an end terminal: 'dones', that the last of them is
      set; 'reward', that the last reward is positive besides; or 'never'.
    keep_simulator: Whether to keep `states` and `model_file`, which are large,
      and which only the simulator reads.

  Raises:
    ValueError: If an option fits neither us nor the file, or it has no
      observations.
  """
  if terminal not in TERMINAL:
    raise ValueError(
      f'terminal must be one of {", ".join(TERMINAL)}, got {terminal!r}.'
    )
  build = functools.partial(
    _episode, path, terminal=terminal, keep_simulator=keep_simulator
  )
  # Unlike a generator, map goes on behind an episode that was refused.
  return map(build, _groups(path, filter_key))


def _groups(
  path: str, filter_key: str | None
) -> Iterator[tuple[str, h5py.Group, str]]:
  with hdf5.open_file(path) as file:
    if not isinstance(file.get('data'), h5py.Group):
      raise ValueError(
        f"{path} has no group 'data', only {', '.join(file) or 'nothing'}; "
        'convert another file.'
      )
    environment = hdf5.text(file['data'].attrs.get('env_args', ''))
    for name in _names(file, path, filter_key):
      yield name, file['data'][name], environment


def _names(file: h5py.File, path: str, filter_key: str | None) -> list[str]:
  names = hdf5.by_number(file['data'])
  if filter_key is None:
    return names
  masks = file.get('mask', {})
  if filter_key not in masks:
    raise ValueError(
      f'{path} has no filter key {filter_key!r}; it has: '
      f'{", ".join(masks) or "none"}.'
    )
  chosen = {hdf5.text(name) for name in masks[filter_key][()]}
  unknown = chosen.difference(names)
  if unknown:
    raise ValueError(
      f'{path}: mask/{filter_key} names {min(unknown)}, which is not there; '
      'choose another filter key.'
    )
  return [name for name in names if name in chosen]


def _episode(
  path: str,
  item: tuple[str, h5py.Group, str],
  *,
  terminal: str,
  keep_simulator: bool,
) -> schema.StoredEpisode:
  name, group, environment = item
  where = f'{path}: {name}'
  _check_observed(group, where)
  skipped = () if keep_simulator else _SIMULATOR
  nest = {
    part: hdf5.read_nest(node)
    for part, node in group.items()
    if part not in skipped
  }
  extras, metadata = _split(
    {part: value for part, value in nest.items() if part not in _OWN},
    len(nest['actions']),
    where,
  )
  attributes = hdf5.attributes_text(group, leave_out=skipped)
  return rows.build_episode(
    where,
    observation=nest['obs'],
    action=nest['actions'],
    reward=nest.get('rewards'),
    is_terminal=_ends(nest, terminal),
    final_observation=_final(nest),
    extras=extras,
    metadata={
      'name': name,
      'attributes': attributes,
      'env_args': environment,
      **metadata,
    },
  )


def _check_observed(group: h5py.Group, where: str) -> None:
  if 'actions' not in group:
    raise schema.BadEpisodeError(
      f"{where}: has no 'actions', only {', '.join(group) or 'nothing'}; leave "
      'it out.'
    )
  if 'obs' not in group:
    raise ValueError(
      f"{where}: has no 'obs': the file holds states of the simulator alone; "
      'make observations of them with robomimic: python '
      'robomimic/scripts/dataset_states_to_obs.py --done_mode 2 --dataset '
      '<file> --output_name <name>.'
    )


def _ends(nest: dict[str, Any], terminal: str) -> bool:
  dones = nest.get('dones')
  if terminal == 'never' or dones is None or not np.size(dones):
    return False
  rewarded = np.size(nest.get('rewards', ())) and nest['rewards'][-1] > 0
  return bool(dones[-1]) and bool(terminal == 'dones' or rewarded)


def _final(nest: dict[str, Any]) -> Any:
  if 'next_obs' not in nest:
    return None
  return _last_row(nest['next_obs'])


def _last_row(nest: Any) -> Any:
  if isinstance(nest, dict):
    return {name: _last_row(part) for name, part in nest.items()}
  return nest[-1:]


def _split(nest: dict[str, Any], count: int, where: str) -> tuple[dict, dict]:
  """Splits fields into those of steps and those of the episode."""
  steps: dict[str, Any] = {}
  episode: dict[str, Any] = {}
  for name, part in nest.items():
    if isinstance(part, dict):
      inner_steps, inner_episode = _split(part, count, f'{where}/{name}')
      if inner_steps:
        steps[name] = inner_steps
      if inner_episode:
        episode[name] = inner_episode
    elif part.ndim and len(part) == count:
      steps[name] = part
    elif part.ndim and len(part) != 1:
      raise schema.BadEpisodeError(
        f'{where}: {name} has {len(part)} rows, but actions has {count}; '
        'repair it, or leave the episode out.'
      )
    else:
      episode[name] = part
  return steps, episode
