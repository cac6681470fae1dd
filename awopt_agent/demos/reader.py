"""Reads RLDS episodes from a TFDS data set, one after the other."""

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from awopt_agent import resources, structs
from awopt_agent.demos import schema, validator

__all__ = ['find_folder', 'open_set', 'read_episodes']

_VERSION = re.compile(r'(\d+)\.(\d+)\.(\d+)')
# In steps; only a bound for one allocation.
_LONGEST_EPISODE = 1 << 16


def read_episodes(
  source: str,
  split: str = 'train',
  *,
  success_threshold: float = schema.DEFAULT_SUCCESS_THRESHOLD,
  time_step_spec: Any = None,
  action_spec: Any = None,
) -> Iterator[structs.Episode]:
  """Reads episodes in their stored order, one at a time.

  Args:
    source: Folder of a TFDS data set (with or without its version folder), or
      the name of a prepared one. A relative folder that does not exist is
      also looked for among the data that come with awopt_agent.
    split: A TFDS split, such as `train`, `train[:6]` or `train[50%:]`.
    success_threshold: Return from which an episode is a success.
    time_step_spec: If given with `action_spec`, every episode is checked
      against the two.
    action_spec: See `time_step_spec`.

  Returns:
    An iterator; source and split are checked before it is returned.

  Raises:
    FileNotFoundError: If there is no such set.
    ValueError: If the split is unknown or empty, or (while reading) if an
      episode is broken or does not fit the specs.
  """
  builder = open_set(source)
  _check_split(builder, source, split)
  # A plain generator would raise nothing before its first episode.
  return _generate(
    builder, source, split, success_threshold, time_step_spec, action_spec
  )


def open_set(source: str) -> tfds.core.DatasetBuilder:
  """Opens a data set for reading; arguments and errors: `read_episodes`."""
  folder = find_folder(source)
  if folder is not None:
    return tfds.builder_from_directory(_version_folder(folder))
  try:
    builder = tfds.builder(source)
  except (ValueError, OSError) as error:
    raise FileNotFoundError(
      f'no folder {os.path.abspath(source)}, nor a TFDS data set named '
      f'{source}; record one with: awopt-demos record --out {source}.'
    ) from error
  if not os.path.isdir(builder.data_dir):
    raise FileNotFoundError(
      f'the TFDS data set {source} is not prepared in {builder.data_dir}; '
      'prepare it with tfds.load, or name a folder.'
    )
  return builder


def find_folder(source: str) -> str | None:
  """Returns the existing folder that `source` means, or None.

  `data/<set>` and `<set>` also name the sets that come with awopt_agent.
  """
  path = os.path.expanduser(source)
  candidates = [path]
  # Without its data folder the package can still read other sets.
  with contextlib.suppress(FileNotFoundError):
    root = resources.data_root()
    candidates.append(os.path.join(os.path.dirname(root), path))
    candidates.append(os.path.join(root, path))
  return next((path for path in candidates if os.path.isdir(path)), None)


def _version_folder(folder: str) -> str:
  """Returns `folder`, or the newest version in it, whichever holds data."""
  versions = [name for name in os.listdir(folder) if _VERSION.fullmatch(name)]
  versions.sort(key=lambda name: tuple(map(int, name.split('.'))))
  for path in (folder, *(os.path.join(folder, v) for v in versions[::-1])):
    if os.path.isfile(os.path.join(path, 'dataset_info.json')):
      return path
  raise FileNotFoundError(
    f'the folder {folder} holds no TFDS data set: neither in it nor in a '
    'version folder such as 1.0.0 is a dataset_info.json; record one with: '
    f'awopt-demos record --out {folder}.'
  )


def _check_split(
  builder: tfds.core.DatasetBuilder, source: str, split: str
) -> None:
  known = ', '.join(
    f'{name} ({info.num_examples} episodes)'
    for name, info in builder.info.splits.items()
  )
  try:
    count = builder.info.splits[split].num_examples
  except (ValueError, KeyError) as error:
    raise ValueError(
      f'no split {split!r} in {source}, which has: {known or "no split"}; '
      'choose one, or a slice such as train[:6].'
    ) from error
  if not count:
    raise ValueError(
      f'the split {split!r} of {source} is empty; it has: {known or "none"}.'
    )


def _generate(
  builder, source, split, success_threshold, time_step_spec, action_spec
) -> Iterator[structs.Episode]:
  for index, rows in enumerate(_read_rows(builder, source, split)):
    episode = schema.episode_from_rows(
      rows, index=index, success_threshold=success_threshold
    )
    if time_step_spec is not None and action_spec is not None:
      validator.check_matches(episode, time_step_spec, action_spec, index=index)
    yield episode


def _read_rows(
  builder: tfds.core.DatasetBuilder, source: str, split: str
) -> Iterator[dict[str, Any]]:
  """Yields each episode's steps, stacked."""
  # Stored order, also across files; a set larger than memory stays on disk.
  config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
  dataset = builder.as_dataset(split, read_config=config)
  if schema.STEPS not in dataset.element_spec:
    raise ValueError(
      f'{source} is no RLDS data set: it has no field {schema.STEPS!r}, only '
      f'{sorted(dataset.element_spec)}; convert it to RLDS.'
    )
  try:
    for example in dataset:
      steps = example[schema.STEPS]
      if isinstance(steps, tf.data.Dataset):
        steps = steps.batch(_LONGEST_EPISODE).get_single_element()
      yield tf.nest.map_structure(lambda tensor: tensor.numpy(), steps)
  except tf.errors.OpError as error:
    raise ValueError(
      f'{source} cannot be read: {str(error.message).splitlines()[0]}; '
      'restore its files, or record the set again.'
    ) from error
