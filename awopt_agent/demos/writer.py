"""Writes episodes as an RLDS data set that TFDS reads."""

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

# RLDS does not import its TFDS half itself.
from tensorflow_datasets.rlds import rlds_base

from awopt_agent import files, structs
from awopt_agent.demos import schema, validator

__all__ = ['check_target', 'make_features', 'write_episodes']

# Small states: 1,000 episodes are a few megabytes.
_EPISODES_PER_FILE = 1000
# TFDS rewrites the set's metadata after each group.
_EPISODES_PER_GROUP = 50


def write_episodes(
  episodes: Iterable[structs.Episode],
  folder: str,
  *,
  time_step_spec: Any,
  action_spec: Any,
  split: str = 'train',
  version: str = '1.0.0',
  description: str = '',
) -> str:
  """Writes a data set; it appears whole, or not at all.

  Equal episodes give equal files. Read it with `reader.read_episodes(folder)`,
  `tfds.builder_from_directory(<returned path>)` or `tfds.load(<name of
  folder>, data_dir=<parent of folder>)`.

  Args:
    episodes: At least one; taken one at a time.
    folder: Where to make `<version>/`; its last part names the set.
    time_step_spec: Unbatched array or tensor spec.
    action_spec: Unbatched array or tensor spec.
    split: Name of the split.
    version: Three numbers with dots.
    description: One paragraph for the set's metadata.

  Returns:
    Path of the version folder.

  Raises:
    FileExistsError: If that version of the set exists.
    ValueError: If the name is none for TFDS, there is no episode, or one does
      not fit the specs.
    OSError: If the disk is full or read-only; nothing is left behind.
  """
  target = check_target(folder, version)
  with (
    files.clear_disk_errors(
      f'write to {folder}',
      'nothing was kept of it: free space there, or choose a folder that can '
      'be written',
    ),
    files.folder_that_becomes(target) as partial,
  ):
    info = _make_info(
      partial, folder, version, description, time_step_spec, action_spec
    )
    checked = _check_each(episodes, time_step_spec, action_spec)
    if not _write(info, checked, split):
      raise ValueError(f'no episode to write to {folder}; record at least 1.')
  return target


def check_target(folder: str, version: str = '1.0.0') -> str:
  """Returns the version folder that writing would make, if it can be made.

  Raises:
    FileExistsError: If it exists.
    ValueError: If folder or version are no names for TFDS.
  """
  name = _set_name(folder)
  if not re.fullmatch(r'[a-z][a-z0-9_]*', name):
    raise ValueError(
      f'{name!r} cannot name a TFDS data set; end the folder in a name of '
      'small letters, digits and underscores, such as my_demos.'
    )
  if not re.fullmatch(r'\d+\.\d+\.\d+', version):
    raise ValueError(
      f'version must be three numbers such as 1.0.0, got {version!r}.'
    )
  target = os.path.join(folder, version)
  if os.path.exists(target):
    raise FileExistsError(
      f'{target} exists, and is never overwritten; choose another folder, or '
      'delete it first.'
    )
  return target


def make_features(spec: Any) -> Any:
  """Returns the TFDS features of a spec: dicts of arrays, of any depth.

  Raises:
    ValueError: If the spec has lists or tuples.
  """
  if isinstance(spec, dict):
    return tfds.features.FeaturesDict(
      {name: make_features(part) for name, part in spec.items()}
    )
  if not hasattr(spec, 'shape'):
    raise ValueError(
      f'RLDS data are dicts of arrays, got a {type(spec).__name__} in the '
      'spec; give its parts names in a dict.'
    )
  dtype = tf.as_dtype(spec.dtype).as_numpy_dtype
  shape = tuple(spec.shape)
  if dtype == np.uint8 and len(shape) == 3 and shape[-1] in (1, 3):
    return tfds.features.Image(shape=shape, encoding_format='png')
  return tfds.features.Tensor(shape=shape, dtype=dtype)


def _set_name(folder: str) -> str:
  return os.path.basename(os.path.abspath(folder))


def _make_info(
  partial, folder, version, description, time_step_spec, action_spec
) -> tfds.core.DatasetInfo:
  identity = tfds.core.dataset_info.DatasetIdentity(
    name=_set_name(folder),
    version=tfds.core.Version(version),
    data_dir=partial,
    module_name='',
  )
  number = tfds.features.Scalar(np.float32)
  config = rlds_base.DatasetConfig(
    name=_set_name(folder),
    overall_description=description,
    observation_info=make_features(time_step_spec.observation),
    action_info=make_features(action_spec),
    reward_info=number,
    discount_info=number,
  )
  return rlds_base.build_info(config, identity)


def _check_each(
  episodes, time_step_spec, action_spec
) -> Iterator[structs.Episode]:
  for index, episode in enumerate(episodes):
    validator.check_matches(episode, time_step_spec, action_spec, index=index)
    yield episode


def _write(
  info: tfds.core.DatasetInfo, episodes: Iterable[structs.Episode], split: str
) -> int:
  """Writes all files; returns the number of episodes."""
  count = 0
  writer = tfds.core.SequentialWriter(info, _EPISODES_PER_FILE)
  writer.initialize_splits([split])
  for group in _in_groups(episodes, _EPISODES_PER_GROUP):
    writer.add_examples({split: [_make_example(episode) for episode in group]})
    count += len(group)
  writer.close_all()
  return count


def _in_groups(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
  group = []
  for item in items:
    group.append(item)
    if len(group) == size:
      yield group
      group = []
  if group:
    yield group


def _make_example(episode: structs.Episode) -> dict[str, Any]:
  rows = schema.rows_from_episode(episode)
  steps = [
    tf.nest.map_structure(lambda leaf, row=row: leaf[row], rows)
    for row in range(episode.length + 1)
  ]
  return {schema.STEPS: steps}
