"""Finds data sets: by folder, by TFDS name, or among those of awopt_agent."""

import contextlib
import os
import re

import tensorflow_datasets as tfds

from awopt_agent import files, resources

__all__ = ['check_split', 'find_folder', 'open_set']

_VERSION = re.compile(r'(\d+)\.(\d+)\.(\d+)')


def open_set(source: str) -> tfds.core.DatasetBuilder:
  """Opens a data set for reading.

  Args:
    source: Folder of a TFDS data set (with or without its version folder), or
      the name of a prepared one. A relative folder that does not exist is
      also looked for among the data that come with awopt_agent.

  Raises:
    FileNotFoundError: If there is no such set.
  """
  folder = find_folder(source)
  if folder is not None:
    return _open_folder(_version_folder(folder))
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


def _open_folder(folder: str) -> tfds.core.DatasetBuilder:
  try:
    return tfds.builder_from_directory(folder)
  except Exception as error:  # Of JSON, protocol buffers, and TFDS' own.
    raise ValueError(
      f'the data set in {folder} cannot be opened: {files.first_line(error)}; '
      'restore its dataset_info.json and features.json.'
    ) from error


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


def check_split(
  builder: tfds.core.DatasetBuilder, source: str, split: str
) -> int:
  """Returns how many episodes a split has.

  Args:
    builder: Of the set.
    source: Its name, for messages.
    split: A TFDS split, such as `train`, `train[:6]` or `train[50%:]`.

  Raises:
    ValueError: If the split is unknown or empty.
  """
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
  if count < 1:
    raise ValueError(
      f'the split {split!r} of {source} is empty; it has: {known or "none"}.'
    )
  return count
